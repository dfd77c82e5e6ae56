import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.review import catalogue
from pipeline.review.access import Role
from pipeline.review.catalogue import FOLDER, LANGUAGES, Catalogue
from pipeline.review.web.navigation import NAV

PACKAGE = FOLDER.parent
TEMPLATES = sorted((PACKAGE / "templates").rglob("*.html"))
MODULES = sorted(PACKAGE.rglob("*.py"))
CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
KEY = re.compile(r"""\bt\(\s*(["'])([a-z0-9_.]+)\1\s*([,)~])""")  # ~ is how a template joins texts


def _strings(path: Path) -> Iterator[str]:
    """Return the strings of a module that are neither docstrings nor messages of errors, which no page shows."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    raised = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Raise) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | raised:
            yield node.value


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_all_languages_say_the_same() -> None:
    first, *others = (Catalogue.load(language).texts for language in LANGUAGES)
    for other in others:
        assert set(first) ^ set(other) == set()
        assert [key for key in first if _placeholders(first[key]) != _placeholders(other[key])] == []
    files = [{path.name for path in (FOLDER / language).iterdir()} for language in LANGUAGES]
    assert all(names == files[0] for names in files)


def test_every_key_that_is_used_exists() -> None:
    texts = Catalogue.load("zh").texts
    used = [
        (path.name, key, what)
        for path in [*TEMPLATES, *MODULES]
        for _, key, what in KEY.findall(path.read_text("utf-8"))
    ]
    assert len(used) > 50
    whole = {(name, key) for name, key, what in used if what != "~"}
    assert [(name, key) for name, key in sorted(whole) if key not in texts] == []
    beginnings = {(name, key) for name, key, what in used if what == "~"}
    assert [one for one in sorted(beginnings) if not any(key.startswith(one[1]) for key in texts)] == []


def test_names_that_are_put_together_exist() -> None:
    texts = Catalogue.load("zh").texts
    assert {f"role.{role}" for role in Role} <= set(texts)
    assert {f"nav.{entry.key}" for entry in NAV} <= set(texts)
    assert {f"language.{language}" for language in LANGUAGES} <= set(texts)
    raised = re.compile(r'AccessError\(\s*"([a-z_]+)"')
    codes = {code for path in MODULES for code in raised.findall(path.read_text("utf-8"))}
    assert len(codes) > 5
    assert {f"refusal.{code}" for code in codes} <= set(texts)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_text_is_in_a_template(path: Path) -> None:
    content = re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert CHINESE.findall(content) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_text_is_in_the_code(path: Path) -> None:
    # A range of characters in a pattern is no text.
    assert [text for text in _strings(path) if CHINESE.search(text) and "\u4e00-\u9fff" not in text] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_script_or_style_in_it(path: Path) -> None:
    content = path.read_text(encoding="utf-8")
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|hx-on|<script(?![^>]*\ssrc=)|javascript:|https?://", content) == []


def test_a_text_is_filled_in() -> None:
    assert Catalogue.load("en").t("password.rule", length=10) == "At least 10 characters."
    with pytest.raises(KeyError):
        Catalogue.load("en").t("password.rule")


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"a.yaml": "x: 1"}, "catalogue_invalid"),
        ({"a.yaml": "x: {y: z}"}, "catalogue_invalid"),
        ({"a.yaml": "- x"}, "catalogue_invalid"),
        ({"a.yaml": "x: y", "b.yaml": "x: z"}, "catalogue_double"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], code: str) -> None:
    (tmp_path / "en").mkdir()
    for name, content in files.items():
        (tmp_path / "en" / name).write_text(content, encoding="utf-8")
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path)
    with pytest.raises(ConfigError) as caught:
        Catalogue.load.__wrapped__("en")
    assert caught.value.code == code
