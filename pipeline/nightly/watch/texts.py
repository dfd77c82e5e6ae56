"""Signals from the texts: words that no narrative of the corpus has, and a classifier that tells two sides apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain, pairwise

import numpy as np

from pipeline.nightly.watch.apart import Chance, Pool, Rows
from pipeline.nightly.watch.found import Signal
from pipeline.nightly.watch.history import Seen
from pipeline.nightly.watch.known import Corpus
from pipeline.nightly.watch.settings import WatchSettings
from pipeline.nightly.watch.usual import beyond_chance

_PERCENT = 100


@dataclass(frozen=True, slots=True)
class TextsCompared:
    """Different narratives of tonight, and of some days of the weeks before (none at all if they are too few)."""

    now: Sequence[str]
    days: Mapping[date, Sequence[str]]
    basis: str  # the days in words

    @property
    def past(self) -> list[str]:
        """All narratives of the days."""
        return list(chain.from_iterable(self.days.values()))


def different_texts(tickets: Iterable[Seen], most: int) -> list[str]:
    """Return narratives with Chinese words, each once: one filed twice would be recognised, not told apart."""
    return list(dict.fromkeys(seen.narrative for seen in tickets if _has_words(seen.narrative)))[:most]


def unknown_words(compared: TextsCompared, corpus: Corpus, settings: WatchSettings) -> Signal:
    """Compare the share of words that the corpus never uses with the weeks before, or else with the corpus itself."""
    now = corpus.unknown_shares(compared.now)
    own = float(np.mean(corpus.own_unknown_shares))
    basis = f"本次 {len(now)} 条；语料自身为 {own:.1%}"
    if compared.days:
        days = [corpus.unknown_shares(texts) for texts in compared.days.values()]
        past = list(chain.from_iterable(days))
        usual, deviation = float(np.mean(past)), float(np.std(past))
        noise, noise_now = deviation / np.sqrt(len(past) / len(days)), deviation / np.sqrt(len(now))
        margin = beyond_chance([float(np.mean(shares)) for shares in days], noise, noise_now, settings.level)
        threshold = usual + max(settings.floors.unknown, margin)
        basis += f"，对照{compared.basis}"
    else:
        usual, threshold = own, own + settings.floors.unknown_corpus
        basis += "，此前无可比的几周"
    share = float(np.mean(now))
    figures = (_PERCENT * share, _PERCENT * usual, _PERCENT * threshold)
    return Signal("unknown_words", "生词比例", *figures, share > threshold, "%", f"{basis}；高于界限报警")


def drift(compared: TextsCompared, corpus: Corpus, settings: WatchSettings) -> tuple[list[Signal], list[str]]:
    """Tell tonight's texts from those of the weeks before and of the corpus; also returns the words that do it."""
    learned = corpus.ticket_like(settings.text.rows, settings.least_rows, settings.seed)
    pool = Pool(corpus.words_of, [*compared.now, *compared.past, *learned], settings)
    sizes = [len(compared.now), *map(len, compared.days.values()), len(learned)]
    ends = np.cumsum([0, *sizes])
    now, *days, written = [np.arange(start, end) for start, end in pairwise(ends)]
    sides = _Sides(pool, settings, now, days, written, compared.basis)
    found = [sides.from_weeks()] if days else []
    if learned:
        found.append(sides.from_corpus())
    return [signal for signal, _ in found], [note for _, notes in found for note in notes]


@dataclass(slots=True)
class _Sides:
    """Rows of a pool: tonight's, each day's, the corpus's."""

    pool: Pool
    settings: WatchSettings
    now: Rows
    days: Sequence[Rows]
    written: Rows
    basis: str

    def from_weeks(self) -> tuple[Signal, list[str]]:
        past = np.concatenate(self.days)
        auc, chance = self.pool.with_chance(self.now, past)
        by_day = [self.pool.auc(day[: len(self.now)], np.setdiff1d(past, day)) for day in self.days]
        usual, threshold = self._threshold(by_day, chance)
        said = (
            f"本次 {len(self.now)} 条，对照{self.basis}；0.5 为分不出，1 为完全分得出，标签打乱时为 "
            f"{chance.mean:.2f}±{chance.spread:.2f}，对照值为平日每日与其余各日之间；高于界限报警"
        )
        signal = Signal("text_weeks", "文本差异（与前几周比）", auc, usual, threshold, auc > threshold, "AUC", said)
        return signal, _words("前几周", self.pool, self.now, past) if auc > self._noticed(chance) else []

    def from_corpus(self) -> tuple[Signal, list[str]]:
        """Any export can be told from a written corpus, so it alarms only beyond what the weeks before were told by."""
        auc, chance = self.pool.with_chance(self.now, self.written)
        said = f"本次 {len(self.now)} 条，语料中坐席口吻 {len(self.written)} 条；0.5 为分不出，1 为完全分得出"
        usual, threshold = None, 1.0
        if self.days:
            by_day = [self.pool.auc(day[: len(self.now)], self.written) for day in self.days]
            usual, threshold = self._threshold(by_day, chance)
            said += f"；对照{self.basis}与语料之间；高于界限报警"
        else:
            said += "；此前无可比的几周，任何一批真实工单都分得出，故不报警"
        signal = Signal("text_corpus", "文本差异（与训练语料比）", auc, usual, threshold, auc > threshold, "AUC", said)
        return signal, _words("训练语料", self.pool, self.now, self.written) if auc > self._noticed(chance) else []

    def _threshold(self, by_day: Sequence[float], chance: Chance) -> tuple[float, float]:
        """Return what is usual from day to day, and the AUC beyond which a night is not."""
        usual = float(np.mean(by_day))
        noise = chance.spread_for(round(np.mean([min(len(day), chance.texts) for day in self.days])))
        margin = beyond_chance(by_day, noise, chance.spread, self.settings.level)
        return usual, min(max(self.settings.floors.text, usual + margin), 1.0)

    def _noticed(self, chance: Chance) -> float:
        return max(self.settings.floors.text, chance.mean + 2 * chance.spread)


def _words(than: str, pool: Pool, now: Rows, other: Rows) -> list[str]:
    more, less = pool.telling_words(now, other)
    return [f"与{than}相比，本次多见的词：{'、'.join(more) or '无'}；少见的词：{'、'.join(less) or '无'}。"]


def _has_words(text: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in text)
