"""configs/review.yaml, typed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.settings import CONFIGS, Settings, load_settings

DEFAULT_PATH = CONFIGS / "review.yaml"

Reason = Literal["model_error", "label_error", "near_threshold", "low_confidence", "out_of_scope", "unlike"]
Language = Literal["zh", "en"]
Share = Field(ge=0, le=1)


class BlindSettings(Settings):
    """The random share of the queue, and how many of it are read again."""

    share: float = Share
    least: int = Field(ge=0)
    second: float = Share
    shown: float = Share


class QueueSettings(Settings):
    """What is chosen from a night, and in which order."""

    nightly_most: int = Field(ge=1)
    mix: Mapping[Reason, int]
    margin: float = Share
    lease_minutes: float = Field(gt=0)
    blind: BlindSettings
    seed: int


class AccessSettings(Settings):
    """Sessions and passwords."""

    idle_minutes: float = Field(gt=0)
    session_hours: float = Field(gt=0)
    failures: int = Field(ge=1)
    lock_minutes: float = Field(gt=0)
    password_length: int = Field(ge=8)


class ReviewSettings(Settings):
    """configs/review.yaml."""

    nightly: Path
    host: str
    port: int = Field(ge=0, le=65535)
    behind_tls: bool
    language: Language
    queue: QueueSettings
    access: AccessSettings
    page_rows: int = Field(ge=1)

    @classmethod
    def load(cls, path: Path = DEFAULT_PATH) -> "ReviewSettings":
        """Read the settings; raises ConfigError."""
        return load_settings(path, cls)
