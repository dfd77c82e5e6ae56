"""configs/watch.yaml, read whole."""

from datetime import date
from pathlib import Path

from pydantic import Field, model_validator

from pipeline.settings import CONFIGS, Settings, load_settings

DEFAULT_PATH = CONFIGS / "watch.yaml"


class Event(Settings):
    """Days on which something known makes the tickets other than usual."""

    name: str
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    note: str

    @model_validator(mode="after")
    def _in_order(self) -> "Event":
        if self.last < self.first:
            raise ValueError(f"{self.name}: `to` is before `from`")
        return self

    def covers(self, day: date) -> bool:
        """Tell whether a day belongs to the event."""
        return self.first <= day <= self.last


class Floors(Settings):
    """The least difference worth a look, however sure it is (see configs/watch.yaml)."""

    mix: float = Field(gt=0)
    mix_corpus: float = Field(gt=0)
    confidence: float = Field(gt=0)
    review: float = Field(gt=0)
    unknown: float = Field(gt=0)
    unknown_corpus: float = Field(gt=0)
    text: float = Field(gt=0)


class TextSettings(Settings):
    """How texts are told apart."""

    days: int = Field(ge=2)
    rows: int = Field(ge=10)
    folds: int = Field(ge=2)
    permutations: int = Field(ge=2)
    words: int = Field(ge=1)
    word_tickets: int = Field(ge=2)


class ProposalSettings(Settings):
    """What makes a group of tickets a proposed cause."""

    rows: int = Field(ge=100)
    candidates: int = Field(ge=10)
    nearest: int = Field(ge=1)
    same: float = Field(gt=0, le=1)
    common: float = Field(gt=0, le=1)
    unlike: float = Field(gt=0, lt=1)
    apart: float = Field(gt=0)
    core: int = Field(ge=2)
    tickets: int = Field(ge=2)
    places: int = Field(ge=1)
    words: int = Field(ge=1)
    examples: int = Field(ge=1)
    most: int = Field(ge=1)


class WatchSettings(Settings):
    """Everything the watch depends on."""

    weeks: int = Field(ge=1)
    least_rows: int = Field(ge=2)
    day_rows: int = Field(ge=2)
    least_days: int = Field(ge=3)
    main_day: float = Field(ge=0, lt=1)
    event_share: float = Field(gt=0, le=1)
    level: float = Field(gt=0.5, lt=1)
    draws: int = Field(ge=100)
    seed: int = Field(ge=0)
    floors: Floors
    text: TextSettings
    proposals: ProposalSettings
    events: tuple[Event, ...]

    @model_validator(mode="after")
    def _folds_have_rows(self) -> "WatchSettings":
        if self.day_rows < self.text.folds:
            raise ValueError("`day_rows` must be at least `text.folds`: each fold needs a text of the day")
        return self

    @classmethod
    def load(cls, path: Path = DEFAULT_PATH) -> "WatchSettings":
        """Read the settings; raises ConfigError."""
        return load_settings(path, cls)
