"""Every error a user can meet, each with a stable code and a sentence that says what to do.

GongdanError
├── ConfigError     a configuration file is missing, unreadable or incomplete
├── TaxonomyError   configs/taxonomy.yaml (or another tree) contradicts itself
├── LexiconError    the segmenter's dictionary cannot be used
├── SourceError     the table of new tickets cannot be read
├── FileError       an export cannot be read at all (one bad row is a reject, not an error)
├── CorpusError     labelled narratives are unusable
├── ModelError      a model folder is missing, damaged or made for something else
├── AccessError     an account of the review desk cannot be made or changed like this
└── StoreError      the nightly database cannot be used
    ├── BusyError       another run is at work on it
    └── DiskFullError   there is no room left for it

Messages about files and rows are read by people who handle exports and are in Chinese; messages about configuration,
models and training are read by those who run the system and are in English. Every kind has its own exit status, so
that whoever runs a command by the clock knows what to do without reading; 2 is a wrong command line.
"""

# How a night ends that was closed, but asks for somebody to look.
EXIT_PARTIAL = 8  # some files could not be read at all
EXIT_FALLBACK = 9  # the previous model was used
EXIT_UNWRITTEN = 11  # the answers are in the database, but what should lie beside it could not be written
# How `gongdan promote` ends when a candidate does not pass: the model in service stays.
EXIT_REFUSED = 12


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

    exit_status = 3


class TaxonomyError(GongdanError):
    """The classification tree contradicts itself."""

    exit_status = 3


class LexiconError(GongdanError):
    """The segmenter's dictionary cannot be used."""

    exit_status = 3


class SourceError(GongdanError):
    """The table of new tickets cannot be read."""

    exit_status = 6


class FileError(GongdanError):
    """An export cannot be read at all."""

    exit_status = 6


class CorpusError(GongdanError):
    """Labelled narratives are unusable."""

    exit_status = 6


class ModelError(GongdanError):
    """A model folder is missing, damaged or made for something else."""

    exit_status = 4


class AccessError(GongdanError):
    """An account of the review desk cannot be made or changed like this."""


class StoreError(GongdanError):
    """The nightly database cannot be used."""

    exit_status = 5


class BusyError(StoreError):
    """Another run is at work on the nightly database."""

    exit_status = 7


class DiskFullError(StoreError):
    """There is no room left for the nightly database."""

    exit_status = 10
