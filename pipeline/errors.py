"""Every error a user can meet, each with a stable code and a sentence that says what to do.

GongdanError
├── ConfigError     a configuration file is missing, unreadable or incomplete
├── TaxonomyError   configs/taxonomy.yaml (or another tree) contradicts itself
├── LexiconError    the segmenter's dictionary cannot be used
├── FileError       an export cannot be read at all (one bad row is a reject, not an error)
├── CorpusError     labelled narratives are unusable
├── ModelError      a model folder is missing, damaged or made for something else
└── StoreError      the nightly database cannot be used

Messages about files and rows are read by people who handle exports and are in Chinese; messages about configuration,
models and training are read by those who run the system and are in English.
"""


class GongdanError(Exception):
    """Base of all expected errors: shown as `code: message`, never as a traceback."""

    exit_status = 1

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class ConfigError(GongdanError):
    """A configuration file is missing, unreadable or incomplete."""


class TaxonomyError(GongdanError):
    """The classification tree contradicts itself."""


class LexiconError(GongdanError):
    """The segmenter's dictionary cannot be used."""


class FileError(GongdanError):
    """An export cannot be read at all."""


class CorpusError(GongdanError):
    """Labelled narratives are unusable."""


class ModelError(GongdanError):
    """A model folder is missing, damaged or made for something else."""


class StoreError(GongdanError):
    """The nightly database cannot be used."""
