"""The segmenter's own words, and a linter for them that jieba never had.

A lexicon is a text file of `word frequency [tag]` lines, comments after #. Every word states its frequency, so that
what wins against the built-in table is written down and not recomputed differently elsewhere.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import jieba

from pipeline.errors import LexiconError
from pipeline.settings import LEXICON
from pipeline.text.normalize import normalize

_LINE = re.compile(r"^(?P<word>.+?)(?:[ \t]+(?P<frequency>[0-9]+))?(?:[ \t]+(?P<tag>[a-z]+))?$")
_FULL_WIDTH = re.compile("[\uff01-\uff5e\u3000]")
# jieba looks for words only inside runs of these characters (re_han_default and our gaps).
_WORD_CHARACTERS = re.compile("[\u4e00-\u9fd5a-zA-Z0-9]+")
ERROR, WARNING = "error", "warning"
Span = tuple[int, int]


@dataclass(frozen=True)
class Lexicon:
    """Words with their frequencies, and the sha256 of the file they came from (part of every model)."""

    sha256: str
    entries: tuple[tuple[str, int], ...]

    @classmethod
    def load(cls, path: Path = LEXICON) -> "Lexicon":
        """Read a lexicon; raises LexiconError naming the first line that cannot be used."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise LexiconError("lexicon_missing", f"{path} cannot be read: {error}") from error
        for line, code, message in _file_faults(data):
            if code == "not_utf8":
                raise LexiconError("lexicon_invalid", f"{path}:{line}: {message}")
        entries: list[tuple[str, int]] = []
        for entry in _parse(data):
            if entry.frequency is None:
                hint = f"run `gongdan lexicon check --lexicon {path}`"
                raise LexiconError(
                    "lexicon_invalid", f"{path}:{entry.line}: no frequency; {hint} to see the one it needs"
                )
            entries.append((entry.word, entry.frequency))
        return cls(hashlib.sha256(data).hexdigest(), tuple(entries))

    def frequencies(self) -> dict[str, int]:
        """Return word -> frequency."""
        return dict(self.entries)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the linter has to say; warnings do not fail a check."""

    file: str
    line: int
    severity: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.severity}: {self.code}: {self.message}"


@dataclass(slots=True)
class CutChange:
    """What one word changes over a set of texts: where it joins its own parts, and where it breaks its neighbours."""

    word: str
    joins: list[str] = field(default_factory=list)  # ids of texts
    breaks: list[str] = field(default_factory=list)
    example: tuple[str, str] = ("", "")  # the cut around the word without and with the lexicon


def check(path: Path = LEXICON) -> list[Finding]:
    """Return everything that is wrong or surprising in a lexicon file, in the order of its lines."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return [Finding(str(path), 0, ERROR, "unreadable", f"the file cannot be read: {error}")]
    findings = [Finding(str(path), line, ERROR, code, message) for line, code, message in _file_faults(data)]
    entries = list(_parse(data))
    findings += [Finding(str(path), line, ERROR, code, message) for line, code, message in _word_faults(entries)]
    findings += [Finding(str(path), line, ERROR, code, message) for line, code, message in _losers(entries)]
    findings += [Finding(str(path), line, WARNING, code, message) for line, code, message in _word_breakers(entries)]
    return sorted(findings, key=lambda finding: finding.line)


def compare_cuts(lexicon: Lexicon, texts: Iterable[tuple[str, str]]) -> list[CutChange]:
    """Tell, for (id, text) pairs of prepared narratives, which lexicon words cut them differently than jieba alone.

    The words that break most neighbours come first.
    """
    plain, full = reference_tokenizer(), _tokenizer_with(lexicon.frequencies())
    words = lexicon.frequencies()
    changes: dict[str, CutChange] = {}
    for text_id, text in texts:
        before, after = plain.lcut(text), full.lcut(text)
        if before == after:
            continue
        for word, broken, example in _changes(before, after, words):
            change = changes.setdefault(word, CutChange(word, example=example))
            listed = change.breaks if broken else change.joins
            if broken and not change.breaks:
                change.example = example
            if text_id not in listed[-1:]:
                listed.append(text_id)
    return sorted(changes.values(), key=lambda change: (-len(change.breaks), -len(change.joins), change.word))


def reference_tokenizer() -> jieba.Tokenizer:
    """Return a jieba tokenizer with nothing but its built-in table.

    The table is read from the package each time: jieba's own cache in the temporary folder is shared by all users of a
    machine, and a stale or foreign one silently changes every cut.
    """
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = dict(_built_in()[0]), _built_in()[1]
    tokenizer.initialized = True
    return tokenizer


def common_characters(count: int) -> str:
    """Return the Chinese characters that jieba's table counts most often, the commonest first."""
    table, _ = _built_in()
    characters = (word for word in table if len(word) == 1 and "\u4e00" <= word <= "\u9fff")
    return "".join(sorted(characters, key=lambda character: -table[character])[:count])


@dataclass(frozen=True, slots=True)
class _Entry:
    line: int
    word: str
    frequency: int | None


@lru_cache(maxsize=1)
def _built_in() -> tuple[Mapping[str, int], int]:
    tokenizer = jieba.Tokenizer()
    with tokenizer.get_dict_file() as file:
        frequencies, total = tokenizer.gen_pfdict(file)
    return frequencies, total


def _parse(data: bytes) -> Iterator[_Entry]:
    for number, line in enumerate(data.decode("utf-8-sig", errors="replace").splitlines(), start=1):
        content = line.split("#", 1)[0].strip(" \t\r")
        if match := _LINE.match(content):
            # Zero counts as none: jieba takes it for an order, to the whole process, to split the word.
            yield _Entry(number, match["word"], int(match["frequency"] or 0) or None)


def _file_faults(data: bytes) -> Iterator[tuple[int, str, str]]:
    if data.startswith(b"\xef\xbb\xbf"):
        yield 1, "bom", "the file starts with a byte order mark, which becomes part of the first word; save without BOM"
    if b"\r" in data:
        line = data[: data.index(b"\r")].count(b"\n") + 1
        yield line, "crlf", "lines end in CRLF, which becomes part of the words; save with LF line ends"
    for number, raw in enumerate(data.splitlines(), start=1):
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            yield number, "not_utf8", "the line is not UTF-8; save the file as UTF-8"


def _word_faults(entries: Sequence[_Entry]) -> Iterator[tuple[int, str, str]]:
    first: dict[str, int] = {}
    for entry in entries:
        if known := first.get(entry.word):
            yield entry.line, "duplicate", f"{entry.word!r} stands on line {known} already; remove one of the two"
        first.setdefault(entry.word, entry.line)
        if _FULL_WIDTH.search(entry.word):
            good = normalize(entry.word).replace(" ", "")
            yield entry.line, "full_width", f"{entry.word!r} has full-width characters and never occurs; write {good!r}"
        elif re.search(r"\s", entry.word):
            good = re.sub(r"\s", "", entry.word)
            yield (
                entry.line,
                "blank_inside",
                f"{entry.word!r} has a blank inside and can never be found; write {good!r}",
            )
        elif not _WORD_CHARACTERS.fullmatch(entry.word):
            yield entry.line, "not_a_word", f"{entry.word!r} has characters at which jieba always cuts; remove them"
        elif normalize(entry.word) != entry.word:
            good = normalize(entry.word)
            yield (
                entry.line,
                "not_normalized",
                f"{entry.word!r} is written {good!r} in every normalised text; write that",
            )


def _losers(entries: Sequence[_Entry]) -> Iterator[tuple[int, str, str]]:
    """Find words that the built-in table (or other lexicon words) outweighs, so that adding them changes nothing."""
    tokenizer = _tokenizer_with({entry.word: entry.frequency for entry in entries if entry.frequency is not None})
    for entry in entries:
        if not _WORD_CHARACTERS.fullmatch(entry.word):
            continue
        parts = tokenizer.lcut(entry.word, HMM=False)
        needed = tokenizer.suggest_freq(entry.word)
        if entry.frequency is None:
            yield entry.line, "no_frequency", f"{entry.word!r} states no frequency; it needs {needed}"
        elif parts != [entry.word]:
            cut = "/".join(parts)
            yield (
                entry.line,
                "too_rare",
                f"{entry.word!r} with frequency {entry.frequency} loses against {cut}; it needs {needed}",
            )


def _word_breakers(entries: Sequence[_Entry]) -> Iterator[tuple[int, str, str]]:
    """Find words that take ordinary dictionary words apart."""
    lines = {entry.word: entry.line for entry in entries}
    frequencies = {entry.word: entry.frequency for entry in entries if entry.frequency is not None}
    table, _ = _built_in()
    plain, full = reference_tokenizer(), _tokenizer_with(frequencies)
    lengths = {len(word) for word in frequencies}
    broken: dict[str, list[str]] = {}
    for known, frequency in table.items():
        if not frequency or known in frequencies or len(known) <= min(lengths, default=0):
            continue
        if not any(known[at : at + size] in frequencies for size in lengths for at in range(len(known) - size + 1)):
            continue
        after = full.lcut(known, HMM=False)
        if after != [known] and plain.lcut(known, HMM=False) == [known]:
            culprit = next((word for word in after if word in frequencies), None)
            if culprit:
                broken.setdefault(culprit, []).append(known)
    for word, victims in broken.items():
        victims.sort(key=lambda victim: -table[victim])
        shown = "、".join(victims[:5]) + (f" and {len(victims) - 5} more" if len(victims) > 5 else "")
        yield lines[word], "breaks_words", f"{word!r} changes how {shown} {'is' if len(victims) == 1 else 'are'} cut"


def _tokenizer_with(frequencies: Mapping[str, int]) -> jieba.Tokenizer:
    tokenizer = reference_tokenizer()
    for word, frequency in frequencies.items():
        tokenizer.add_word(word, frequency)
    return tokenizer


def _changes(
    before: Sequence[str], after: Sequence[str], words: Mapping[str, int]
) -> Iterator[tuple[str, bool, tuple[str, str]]]:
    """Yield, for every lexicon word cut anew, the word, whether it breaks neighbours, and the two cuts around it."""
    old, new = _spans(before), _spans(after)
    known = set(old)
    for (start, end), word in zip(new, after, strict=True):
        if word not in words or (start, end) in known:
            continue
        touched = [(at, piece) for at, piece in zip(old, before, strict=True) if at[0] < end and at[1] > start]
        left, right = touched[0][0][0], touched[-1][0][1]
        around = [piece for at, piece in zip(new, after, strict=True) if at[0] < right and at[1] > left]
        yield word, left < start or right > end, ("/".join(piece for _, piece in touched), "/".join(around))


def _spans(words: Sequence[str]) -> list[Span]:
    spans: list[Span] = []
    at = 0
    for word in words:
        spans.append((at, at + len(word)))
        at += len(word)
    return spans
