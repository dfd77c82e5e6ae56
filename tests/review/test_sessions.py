from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from pipeline.review import audit, sessions
from pipeline.review.access import Role, User
from pipeline.review.settings import ReviewSettings
from pipeline.store.database import Pool
from pipeline.store.review import sessions as table

from .conftest import add_user

AT = datetime(2026, 11, 26, 8, 0)


@pytest.fixture
def li(any_pool: Pool) -> User:
    return add_user(any_pool, "li", Role.REVIEWER)


def _rows(pool: Pool) -> list[sa.Row]:
    return pool.read(lambda connection: list(connection.execute(sa.select(table))))


def test_the_database_does_not_know_the_token(any_pool: Pool, li: User, review_settings: ReviewSettings) -> None:
    token = sessions.open_session(any_pool, li, review_settings.access, AT)
    session = sessions.find(any_pool, token, review_settings.access, AT)
    assert session is not None
    assert session.user == li
    (row,) = _rows(any_pool)
    assert token not in tuple(row)
    assert sessions.find(any_pool, row.token_sha256, review_settings.access, AT) is None
    assert sessions.find(any_pool, "x" * 43, review_settings.access, AT) is None


def test_without_a_click_a_session_ends(any_pool: Pool, li: User, review_settings: ReviewSettings) -> None:
    settings = review_settings.access
    token = sessions.open_session(any_pool, li, settings, AT)
    idle = timedelta(minutes=settings.idle_minutes)
    almost = AT + idle - timedelta(seconds=1)
    assert sessions.find(any_pool, token, settings, almost) is not None
    assert sessions.find(any_pool, token, settings, almost + idle - timedelta(seconds=1)) is not None
    assert sessions.find(any_pool, token, settings, almost + 2 * idle) is None


def test_clicking_does_not_keep_a_session_for_ever(any_pool: Pool, li: User, review_settings: ReviewSettings) -> None:
    settings = review_settings.access
    token = sessions.open_session(any_pool, li, settings, AT)
    end = AT + timedelta(hours=settings.session_hours)
    at = AT
    while at < end:
        assert sessions.find(any_pool, token, settings, at) is not None
        at += timedelta(minutes=settings.idle_minutes / 2)
    assert sessions.find(any_pool, token, settings, end) is None


def test_a_use_is_noted_once_a_minute(any_pool: Pool, li: User, review_settings: ReviewSettings) -> None:
    token = sessions.open_session(any_pool, li, review_settings.access, AT)
    sessions.find(any_pool, token, review_settings.access, AT + timedelta(seconds=59))
    assert _rows(any_pool)[0].seen_at == AT
    sessions.find(any_pool, token, review_settings.access, AT + timedelta(seconds=60))
    assert _rows(any_pool)[0].seen_at == AT + timedelta(seconds=60)


def test_leaving_ends_one_session_and_is_noted(any_pool: Pool, li: User, review_settings: ReviewSettings) -> None:
    settings = review_settings.access
    tokens = [sessions.open_session(any_pool, li, settings, AT) for _ in range(2)]
    session = sessions.find(any_pool, tokens[0], settings, AT)
    assert session is not None
    sessions.close(any_pool, session)
    assert [sessions.find(any_pool, token, settings, AT) is not None for token in tokens] == [False, True]
    (entry,) = any_pool.read(lambda connection: audit.entries(connection, limit=9))
    assert (entry.user, entry.action) == ("li", "logout")


def test_all_of_one_user_can_be_ended(any_pool: Pool, li: User, review_settings: ReviewSettings) -> None:
    settings = review_settings.access
    wang = add_user(any_pool, "wang", Role.LEAD)
    tokens = [sessions.open_session(any_pool, user, settings, AT) for user in (li, li, wang)]
    any_pool.write(lambda connection: sessions.close_all(connection, li.id))
    assert [sessions.find(any_pool, token, settings, AT) is not None for token in tokens] == [False, False, True]


def test_expired_ones_are_removed_when_somebody_logs_in(
    any_pool: Pool, li: User, review_settings: ReviewSettings
) -> None:
    settings = review_settings.access
    sessions.open_session(any_pool, li, settings, AT)
    sessions.open_session(any_pool, li, settings, AT + timedelta(minutes=settings.idle_minutes - 1))
    assert len(_rows(any_pool)) == 2
    sessions.open_session(any_pool, li, settings, AT + timedelta(minutes=settings.idle_minutes))
    assert len(_rows(any_pool)) == 2
