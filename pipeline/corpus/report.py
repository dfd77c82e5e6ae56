"""A corpus in figures, as Markdown: it is read on a terminal and stands in data/README.md."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from pipeline.corpus.load import Labelled
from pipeline.corpus.quality import VOICES, agreement, distinct_ngrams, shortcut
from pipeline.corpus.readings import HARD, Reading, pairs_per_rule
from pipeline.errors import CorpusError
from pipeline.taxonomy import Taxonomy

_LONG = 900  # characters


def counts(rows: Sequence[Labelled], taxonomy: Taxonomy) -> str:
    """Return how many narratives every cause and every voice has; `all` counts those of no known voice too."""
    lines = [f"| id | name | {' | '.join(VOICES)} | all |", f"|---|---|{'---:|' * (len(VOICES) + 1)}"]
    for kind in taxonomy.types:
        lines.append(_count_line(f"**{kind.id}**", kind.name, [row for row in rows if row.type == kind.id]))
        lines += [
            _count_line(cause.id, cause.name, [row for row in rows if row.cause == cause.id])
            for cause in taxonomy.causes
            if cause.type_id == kind.id
        ]
    return "\n".join([*lines, _count_line("**all**", "", rows)])


def _count_line(label: str, name: str, rows: Sequence[Labelled]) -> str:
    voices = Counter(row.style for row in rows)
    return f"| {label} | {name} | {' | '.join(str(voices[voice]) for voice in VOICES)} | {len(rows)} |"


def form(rows: Sequence[Labelled], taxonomy: Taxonomy) -> str:
    """Return the lengths per type and voice, and how far form alone tells the types apart."""
    lines = [
        "| type | " + " | ".join(f"{voice}: median, 95 %" for voice in VOICES) + f" | {_LONG} and longer | longest |",
        f"|---|{'---:|' * (len(VOICES) + 2)}",
    ]
    for kind in taxonomy.types:
        lengths = {voice: [len(it.raw) for it in rows if (it.type, it.style) == (kind.id, voice)] for voice in VOICES}
        every = [length for found in lengths.values() for length in found]
        long = sum(length >= _LONG for length in every)
        cells = [_spread(found) for found in lengths.values()]
        lines.append(f"| {kind.name} | {' | '.join(cells)} | {long} | {max(every, default=0)} |")
    return "\n".join([*lines, "", _shortcut(rows)])


def _shortcut(rows: Sequence[Labelled]) -> str:
    try:
        found = shortcut(rows)
    except CorpusError as error:
        return f"Whether form alone tells the types apart: {error.message}."
    return (
        f"Length, punctuation, line breaks and voice alone tell the type of {found.accuracy:.1%}; always saying the "
        f"largest type would be right for {found.largest:.1%}."
    )


def _spread(lengths: Sequence[int]) -> str:
    return f"{np.median(lengths):.0f}, {np.percentile(lengths, 95):.0f}" if lengths else "-"


def repetition(rows: Sequence[Labelled], others: Sequence[Labelled], name: str) -> str:
    """Return the distinct 4-grams per 1,000 characters beside those of other texts; raises CorpusError for too few."""
    both = [row.text for row in rows], [row.text for row in others]
    lines = [f"| within | corpus | {name} |", "|---|---:|---:|"]
    for size in sorted({1000, min(sum(map(len, texts)) for texts in both)}):
        figures = [distinct_ngrams(texts, window=size) for texts in both]
        lines.append(f"| {size:,} characters | {figures[0]:.0f} | {figures[1]:.0f} |")
    return "\n".join(lines)


def second_reading(readings: Sequence[Reading], taxonomy: Taxonomy) -> str:
    """Return how far the two readers agree, and what is hard."""
    found = agreement([it.first for it in readings], [it.second for it in readings], taxonomy)
    lines = ["| label | kappa | same |", "|---|---:|---:|"]
    lines += [f"| {taxonomy.type(kind).name} | {kappa:.3f} | |" for kind, kappa in found.by_type.items()]
    lines += [
        f"| types | {found.type_kappa:.3f} | {found.same_type:.1%} |",
        f"| causes | {found.cause_kappa:.3f} | {found.same_cause:.1%} |",
    ]
    kinds = Counter(reading.hard for reading in readings if reading.hard)
    pairs = pairs_per_rule(readings)
    lines += [
        "",
        f"{kinds.total()} of {found.n} ({kinds.total() / found.n:.0%}) are hard on purpose: "
        + ", ".join(f"{kind} {kinds[kind]}" for kind in HARD)
        + ".",
        "",
        "Pairs per boundary rule: " + ", ".join(f"{rule} {count}" for rule, count in pairs.items()) + ".",
    ]
    return "\n".join(lines)
