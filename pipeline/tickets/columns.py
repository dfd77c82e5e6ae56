"""Which column of an export is which field."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from pipeline.settings import CONFIGS, Settings, load_settings

DEFAULT_PATH = CONFIGS / "columns.yaml"
REQUIRED = ("ticket_id", "text")


class FieldColumns(Settings):
    """The headers under which one field is known."""

    headers: tuple[str, ...] = Field(min_length=1)
    kind: Literal["text", "time"] = "text"
    personal: str | None = None  # the stand-in for this column's values in narratives

    @property
    def title(self) -> str:
        """The usual Chinese header (the first header is the field's own name)."""
        return self.headers[1 % len(self.headers)]


class Columns(Settings):
    """All fields, and where to look for the row that names them."""

    fields: Mapping[str, FieldColumns]
    header_rows: int = Field(ge=1)

    @classmethod
    def load(cls, path: Path = DEFAULT_PATH) -> "Columns":
        """Read a column map; raises ConfigError."""
        return load_settings(path, cls)

    @model_validator(mode="after")
    def _has_required(self) -> "Columns":
        if missing := [name for name in REQUIRED if name not in self.fields]:
            raise ValueError(f"fields must define {' and '.join(missing)}")
        return self

    def extended(self, extra: Mapping[str, Sequence[str]]) -> "Columns":
        """Return these columns with further fields (name -> headers), for labelled files."""
        added = {name: FieldColumns(headers=tuple(headers)) for name, headers in extra.items()}
        # A new object, not a copy: a copy would bring along the titles that were folded before.
        return Columns(fields={**self.fields, **added}, header_rows=self.header_rows)

    def positions(self, header: Sequence[object]) -> dict[str, int]:
        """Map field -> column index for a row of titles."""
        place: dict[str, int] = {}
        for index, title in enumerate(header):
            place.setdefault(fold_header(title), index)
        return {
            name: place[title]
            for name, titles in self._folded.items()
            if (title := next((title for title in titles if title in place), None)) is not None
        }

    def match(self, header: Sequence[object]) -> dict[str, int]:
        """Return the positions for a header row; empty unless the required fields are all there."""
        found = self.positions(header)
        return found if all(name in found for name in REQUIRED) else {}

    def resembles(self, header: Sequence[object]) -> set[str]:
        """Return the fields a row of titles names, required or not (to explain what a header lacks)."""
        return set(self.positions(header))

    @cached_property
    def _folded(self) -> dict[str, tuple[str, ...]]:
        return {name: tuple(map(fold_header, field.headers)) for name, field in self.fields.items()}


def fold_header(title: object) -> str:
    """Reduce a title to what is compared: width, blanks, case, and the marks of a required column do not count.

    >>> fold_header(" 工单 编号（必填）*"), fold_header("＊工单编号")
    ('工单编号', '工单编号')
    """
    text = re.sub(r"[\s\ufeff\u200b]+", "", unicodedata.normalize("NFKC", "" if title is None else str(title)))
    return re.sub(r"^\*+|(?:\((?:必填|\*|选填)\)|[*:])+$", "", text).lower()
