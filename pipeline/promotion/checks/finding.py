"""What a check is and what it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.promotion.compared import Compared
from pipeline.promotion.settings import PromoteSettings


@dataclass(frozen=True, slots=True)
class Finding:
    """A check's name, whether the candidate passed it, what was compared with which figures, and the figures."""

    name: str
    passed: bool
    sentence: str
    figures: Mapping[str, Any]


class Check(Protocol):
    """Looks at what was measured; the same input gives the same finding."""

    def __call__(self, compared: Compared, settings: PromoteSettings, /) -> Finding:
        """Judge the candidate."""
        ...
