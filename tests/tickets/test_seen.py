"""Ids a file has shown already."""

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.tickets.seen import SeenIds


def test_an_id_is_new_once_and_then_known_by_its_first_row() -> None:
    with SeenIds() as seen:
        assert [seen.first_row("a", 2), seen.first_row("a", 5), seen.first_row("a", 9)] == [None, 2, 2]


@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "A"), ("1", "01"), ("1", "1.0"), ("a", "a\0"), ("工单", "工單"), ("é", "e\u0301"), ("", " ")],
)
def test_ids_that_differ_in_anything_are_two(one: str, other: str) -> None:
    with SeenIds() as seen:
        assert (seen.first_row(one, 1), seen.first_row(other, 2)) == (None, None)


@pytest.mark.parametrize("ticket_id", ["𠮷㙍😀", "a'; DROP TABLE seen; --", "x" * 100_000, "2026110200000001", "\0"])
def test_an_id_of_any_characters_and_length_is_remembered(ticket_id: str) -> None:
    with SeenIds() as seen:
        assert (seen.first_row(ticket_id, 7), seen.first_row(ticket_id, 8)) == (None, 7)


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=3)))
def test_it_agrees_with_a_dictionary(ids: list[str]) -> None:
    first: dict[str, int] = {}
    with SeenIds() as seen:
        for row, ticket_id in enumerate(ids):
            assert seen.first_row(ticket_id, row) == first.get(ticket_id)
            first.setdefault(ticket_id, row)


def test_more_ids_than_its_cache_holds_are_all_remembered() -> None:
    ids = [f"{number:0200d}" for number in range(200_000)]  # some 42 MB of keys, above the cache of 32 MiB
    with SeenIds() as seen:
        assert all(seen.first_row(ticket_id, row) is None for row, ticket_id in enumerate(ids))
        assert [seen.first_row(ids[row], -1) for row in (0, 99_999, 199_999)] == [0, 99_999, 199_999]


def test_each_file_begins_with_nothing_seen() -> None:
    with SeenIds() as seen:
        seen.first_row("a", 1)
    with SeenIds() as seen:
        assert seen.first_row("a", 2) is None


def test_two_files_that_are_read_at_once_do_not_mix() -> None:
    with SeenIds() as one, SeenIds() as other:
        one.first_row("a", 1)
        assert other.first_row("a", 2) is None


def test_nothing_stays_open_afterwards() -> None:
    with SeenIds() as seen:
        seen.first_row("a", 1)
    with pytest.raises(sqlite3.ProgrammingError):
        seen.first_row("a", 2)
