"""configs/promote.yaml: what a candidate has to show before it answers tickets."""

from pathlib import Path

from pydantic import Field

from pipeline.settings import CONFIGS, Settings, load_settings

DEFAULT_PATH = CONFIGS / "promote.yaml"


class RegisteredSettings(Settings):
    """Under which name and alias MLflow knows the model in service."""

    name: str = Field(min_length=1)
    alias: str = Field(min_length=1)


class PairedSettings(Settings):
    """How sure it must be that the candidate is better."""

    level: float = Field(gt=0, lt=0.5)


class FloorSettings(Settings):
    """What no type may lose."""

    least_rows: int = Field(ge=1)
    most_drop: float = Field(ge=0, lt=1)


class CalibrationSettings(Settings):
    """How far probabilities may be from what they promise."""

    most_ece: float = Field(gt=0, lt=1)
    margin: float = Field(ge=0, lt=1)
    level: float = Field(gt=0, lt=1)
    draws: int = Field(ge=100)
    seed: int


class ExportSettings(Settings):
    """How often what is served has to say the same as what was trained."""

    cause: float = Field(gt=0, le=1)
    type: float = Field(gt=0, le=1)
    route: float = Field(gt=0, le=1)


class SpeedSettings(Settings):
    """How fast one process has to be on this host."""

    least_per_second: float = Field(gt=0)
    rows: int = Field(ge=1)
    rounds: int = Field(ge=1)


class SizeSettings(Settings):
    """How large a folder may be."""

    most_mb: float = Field(gt=0)


class ChurnSettings(Settings):
    """How many of the last tickets may change their type."""

    days: int = Field(ge=1)
    rows: int = Field(ge=1)
    most: float = Field(gt=0, le=1)
    flows: int = Field(ge=1)
    examples: int = Field(ge=0)


class PromoteSettings(Settings):
    """configs/promote.yaml."""

    registered: RegisteredSettings
    log: Path
    nightly: Path
    corpus: Path
    reviewed_days: int = Field(ge=0)
    paired: PairedSettings
    floor: FloorSettings
    calibration: CalibrationSettings
    export: ExportSettings
    speed: SpeedSettings
    size: SizeSettings
    churn: ChurnSettings

    @classmethod
    def load(cls, path: Path = DEFAULT_PATH) -> "PromoteSettings":
        """Read the settings; raises ConfigError."""
        return load_settings(path, cls)
