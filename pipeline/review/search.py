"""Causes found by what people type: a part of the name, an alias, a cue, the pinyin or its initials."""

from collections.abc import Iterable
from dataclasses import dataclass

from pypinyin import Style, lazy_pinyin

from pipeline.taxonomy import Cause, Taxonomy


@dataclass(frozen=True, slots=True)
class _Entry:
    """A cause with the spellings it is found by, in the order of how well they speak for it."""

    cause: Cause
    names: tuple[str, ...]
    initials: tuple[str, ...]
    sounds: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def spellings(self) -> tuple[tuple[str, ...], ...]:
        """All of them."""
        return self.names, self.initials, self.sounds, self.words


class Search:
    """An index of a tree's causes; 54 of them need no other."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        """Spell every cause once."""
        self._entries = [_entry(cause) for cause in taxonomy.causes]

    def find(self, typed: str, type_id: str = "", most: int = 9) -> list[Cause]:
        """Return the causes that fit best, at most `most`; with nothing typed, those of the type in their order.

        >>> search = Search(Taxonomy.load())
        >>> [search.find(typed)[0].name for typed in ("pftd", "频繁", "pinfantingdian", "frequent_out")]
        ['频繁停电', '频繁停电', '频繁停电', '频繁停电']
        """
        wanted = "".join(typed.lower().split())
        among = [entry for entry in self._entries if type_id in ("", entry.cause.type_id)]
        if not wanted:
            return [entry.cause for entry in among][:most] if type_id else []
        ranked = [(rank, entry.cause) for entry in among if (rank := _rank(entry, wanted)) is not None]
        return [cause for _, cause in sorted(ranked, key=lambda found: found[0])][:most]


def _rank(entry: _Entry, wanted: str) -> tuple[int, int] | None:
    """Return how well a cause fits, less being better: what it is found by, and how much of that is left over."""
    held = [[spelling for spelling in some if wanted in spelling] for some in entry.spellings]
    heads = [spelling for spelling in entry.initials if spelling.startswith(wanted)]
    # Two letters are in many initials; those that begin with them are likelier to be meant.
    for kind, found in enumerate((held[0], heads, *held[1:])):
        if found:
            return kind, min(map(len, found)) - len(wanted)
    return None


def _entry(cause: Cause) -> _Entry:
    names = (cause.name, *cause.aliases)
    return _Entry(
        cause,
        tuple(name.lower() for name in (*names, cause.id)),
        tuple(_joined(names, Style.FIRST_LETTER)),
        tuple(_joined(names, Style.NORMAL)),
        tuple(cue.lower() for cue in cause.cues),
    )


def _joined(names: Iterable[str], style: Style) -> list[str]:
    return ["".join(lazy_pinyin(name, style=style)).lower() for name in names]
