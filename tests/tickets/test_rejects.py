"""The sentences about bad rows."""

import re
from string import Template

import pytest

from pipeline.tickets.rejects import REASONS, Reject, explain, reject

DETAILS = {"first": 3, "encoding": "UTF-8", "found": 5, "expected": 4, "column": "受理时间", "longest": 200}


@pytest.mark.parametrize("code", REASONS)
def test_every_sentence_is_chinese_and_says_what_to_do(code: str) -> None:
    message = reject(7, code, **DETAILS).message
    assert re.search(r"请(?:补|把|核对|在|检查|改为|修正)", message)
    assert message.endswith("。")
    # Only names of formats, and values that are filled in, are in Latin letters.
    assert set(re.findall(r"[A-Za-z]+", message)) <= {"JSON", "UTF"}


@pytest.mark.parametrize("code", REASONS)
def test_every_placeholder_of_a_sentence_is_a_detail_and_is_filled_in(code: str) -> None:
    names = set(Template(REASONS[code]).get_identifiers())
    entry = reject(7, code, **{name: DETAILS[name] for name in names})
    assert all(str(DETAILS[name]) in entry.message for name in names)
    assert "$" not in entry.message


@pytest.mark.parametrize("code", [code for code, sentence in REASONS.items() if "$" in sentence])
def test_a_sentence_is_never_shown_with_a_gap(code: str) -> None:
    with pytest.raises(KeyError):
        reject(7, code)


def test_a_reject_holds_its_row_its_code_and_its_sentence() -> None:
    assert reject(7, "missing_id") == Reject(7, "missing_id", REASONS["missing_id"])


@pytest.mark.parametrize("code", REASONS)
def test_a_code_is_explained_by_its_sentence_without_the_details_of_a_row(code: str) -> None:
    fixed = [part for part in re.split(r"\$[a-z]+", REASONS[code]) if part]
    assert all(part in explain(code) for part in fixed)
    assert "$" not in explain(code)


def test_a_code_that_is_not_listed_has_no_explanation() -> None:
    assert explain("something_else") == ""


def test_a_code_that_is_not_listed_cannot_be_used() -> None:
    with pytest.raises(KeyError):
        reject(7, "something_else")


def test_a_value_that_looks_like_a_placeholder_is_not_filled_in_again() -> None:
    assert "$first" in reject(7, "bad_date", column="$first").message
