"""Where things are, and configuration files read into typed, complete settings."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / "configs"
CORPUS = ROOT / "data" / "corpus"
DEFAULT_MODEL = ROOT / "models" / "default"
NEIGHBOURS = ROOT / "var" / "neighbours"  # what `gongdan explain` keeps, per model and corpus
REVIEWS = ROOT / "var" / "reviews.jsonl"  # what `gongdan corpus add-reviews` makes
MLFLOW_STORE = ROOT / "var" / "mlflow"  # runs and the registry, where MLFLOW_TRACKING_URI names no server
LEXICON = Path(__file__).resolve().parent / "text" / "lexicon.txt"


class Settings(BaseModel):
    """Base of every configuration: unknown keys are refused, and nothing is filled in behind the reader's back."""

    model_config = ConfigDict(extra="forbid", frozen=True)


SettingsT = TypeVar("SettingsT", bound=BaseModel)


def load_settings(path: Path, kind: type[SettingsT]) -> SettingsT:
    """Read a YAML file into `kind`.

    Raises ConfigError naming the file and every field that is missing, unknown or of the wrong type.
    """
    try:
        return kind.model_validate(read_yaml(path))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors())
        raise ConfigError("config_invalid", f"{path}: {faults}") from error


def read_yaml(path: Path) -> object:
    """Read one YAML document; raises ConfigError if the file is missing or is no YAML."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError("config_missing", f"{path} does not exist; give its path with --config") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError("config_unreadable", f"{path} cannot be read as YAML: {error}") from error


def resolve(path: Path, base: Path = ROOT) -> Path:
    """Return `path` as it stands when absolute, else below `base` (the project's root unless told)."""
    return path if path.is_absolute() else base / path
