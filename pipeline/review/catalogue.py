"""What the pages say, in the reader's language. All of it is in locale/: one folder a language, one file a part."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import get_args

from pipeline.errors import ConfigError
from pipeline.review.settings import Language
from pipeline.settings import read_yaml

FOLDER = Path(__file__).with_name("locale")
LANGUAGES: tuple[Language, ...] = get_args(Language)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The texts of one language, by their keys."""

    language: Language
    texts: Mapping[str, str]

    @staticmethod
    @cache
    def load(language: Language) -> "Catalogue":
        """Read all files of a language; raises ConfigError if one is no flat `key: text` or says something twice."""
        texts: dict[str, str] = {}
        for path in sorted((FOLDER / language).glob("*.yaml")):
            for key, text in _pairs(path):
                if key in texts:
                    raise ConfigError("catalogue_double", f"{path}: {key} is in another file of this folder already")
                texts[key] = text
        return Catalogue(language, texts)

    def t(self, key: str, **values: object) -> str:
        """Return a text with its `{placeholders}` filled in.

        >>> Catalogue.load("en").t("users.once.title", name="Li")
        'One-time password of “Li”'
        """
        return self.texts[key].format(**values)


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ConfigError("catalogue_invalid", f"{path} has to be `key: text` lines")
    for key, text in content.items():
        if not isinstance(key, str) or not isinstance(text, str):
            raise ConfigError("catalogue_invalid", f"{path}: {key} has to be a text; put it in quotes")
        yield key, text
