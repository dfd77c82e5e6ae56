"""The watch over one run, from the database to what the report shows."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from pipeline.classify.model import Model
from pipeline.nightly.watch.found import Signal, Watch
from pipeline.nightly.watch.gather import Gathered, gather
from pipeline.nightly.watch.history import Days, add, of_run, same_weekdays, totals_by_day
from pipeline.nightly.watch.known import Corpus
from pipeline.nightly.watch.mix import Compared, confidence, mix_by_corpus, mix_by_weeks, review
from pipeline.nightly.watch.proposals import Night, proposals
from pipeline.nightly.watch.settings import Event, WatchSettings
from pipeline.nightly.watch.texts import TextsCompared, different_texts, drift, unknown_words
from pipeline.nightly.watch.wording import days_in_words, events_in_words


def watch(connection: sa.Connection, run_id: int, model: Model, settings: WatchSettings, corpus: Path) -> Watch:
    """Compare a run with the corpus and the weeks before it, and group what is unlike anything known.

    Only reads. A run with few tickets, or without weeks before it, gets fewer signals and notes that say so.
    """
    by_day = totals_by_day(connection, of_run(run_id))
    if not by_day:
        return Watch((), (), ("本次没有新答复的工单，未作监测。",))
    gathered = gather(connection, run_id, model.digest, by_day, settings)
    known = Corpus.load(corpus, model)
    notes = _notes(gathered, known, settings)
    signals: list[Signal] = []
    if gathered.now.rows >= settings.least_rows:
        signals += _answer_signals(gathered, known, settings)
        from_texts, words = _text_signals(gathered, known, settings)
        signals += from_texts
        notes += words
    return Watch(
        tuple(_aware(signal, gathered.events) for signal in signals),
        proposals(_night(gathered), known, settings),
        tuple(notes),
    )


def _answer_signals(gathered: Gathered, known: Corpus, settings: WatchSettings) -> list[Signal]:
    compared = _compared(gathered, settings)
    signals = [mix_by_weeks(compared, settings)] if compared else []
    if known.rows:
        signals.append(mix_by_corpus(gathered.now, compared, known, settings))
    if compared:
        signals += [confidence(compared, settings), review(compared, settings)]
    return signals


def _text_signals(gathered: Gathered, known: Corpus, settings: WatchSettings) -> tuple[list[Signal], list[str]]:
    compared = _texts(gathered, settings)
    if len(compared.now) < settings.least_rows:
        return [], [f"本次不同的文本只有 {len(compared.now)} 条，未作文本监测。"]
    signals, notes = drift(compared, known, settings)
    return [unknown_words(compared, known, settings), *signals] if known.rows else signals, notes


def _compared(gathered: Gathered, settings: WatchSettings) -> Compared | None:
    days = gathered.own_days
    if not _enough(days, settings):
        return None
    chosen, by_weekday = same_weekdays(days, gathered.period.weekdays, settings)
    words = days_in_words(chosen, gathered.period.weekdays if by_weekday else None)
    return Compared(gathered.now, days, chosen, words)


def _texts(gathered: Gathered, settings: WatchSettings) -> TextsCompared:
    most = settings.text.rows
    now = different_texts(gathered.tickets, most)
    days = {day: different_texts(tickets, most) for day, tickets in gathered.before.items()}
    days = {day: texts for day, texts in days.items() if len(texts) >= settings.day_rows}
    if len(days) < settings.least_days:
        return TextsCompared(now, {}, "")
    return TextsCompared(now, days, days_in_words({day: gathered.days[day] for day in days}, None))


def _night(gathered: Gathered) -> Night:
    return Night(
        tickets=gathered.tickets,
        total=gathered.now.rows,
        days=len(gathered.period.days),
        before=gathered.before,
        counts={day: gathered.days[day].rows for day in gathered.before},
        same=gathered.same,
    )


def _notes(gathered: Gathered, known: Corpus, settings: WatchSettings) -> list[str]:
    rows = gathered.now.rows
    enough = _enough(gathered.days, settings), _enough(gathered.own_days, settings)
    few_days = f"前 {settings.weeks} 周中可比的日子不足 {settings.least_days} 天（每天至少 {settings.day_rows} 件）"
    cases = (
        (bool(gathered.events), f"期内有已知事件：{events_in_words(gathered.events)}；监测信号不单独报警。"),
        (not known.rows, "训练语料读不出，或与模型的分类体系不符：不与语料相比，也不提新原因。"),
        (rows < settings.least_rows, f"本次 {rows} 件，不足 {settings.least_rows} 件，不计算监测信号。"),
        (not gathered.period.days, "本次工单没有受理时间，未与前几周相比。"),
        (bool(gathered.period.days) and not any(enough), f"{few_days}，未与前几周相比。"),
        (enough == (True, False), f"本模型答复过的工单，{few_days}：类型构成、把握和转人工比例未与前几周相比。"),
        (len(gathered.tickets) < rows, f"文本监测与新原因按内容散列抽取 {len(gathered.tickets)} 件，件数按比例推算。"),
    )
    return [text for holds, text in cases if holds]


def _enough(days: Days, settings: WatchSettings) -> bool:
    return len(days) >= settings.least_days and add(days.values()).rows >= settings.least_rows


def _aware(signal: Signal, events: Sequence[Event]) -> Signal:
    """Return a signal as it counts on days of a known event: the same figures, no alarm."""
    if not events:
        return signal
    return replace(signal, alarm=False, basis=f"{signal.basis}；期内有{events_in_words(events)}，不单独报警")
