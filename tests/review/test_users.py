import re
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from pipeline.errors import AccessError
from pipeline.review import audit, passwords, sessions, users
from pipeline.review.access import Role, User
from pipeline.review.login import authenticate
from pipeline.review.settings import ReviewSettings
from pipeline.store.database import Pool
from pipeline.store.review import users as table

from .conftest import PASSWORD, add_user

AT = datetime(2026, 11, 26, 8, 0)


@pytest.fixture
def boss(any_pool: Pool) -> User:
    return add_user(any_pool, "boss", Role.ADMINISTRATOR)


def _actions(pool: Pool) -> list[tuple[str, str]]:
    """Return actions and subjects, oldest first."""
    found = pool.read(lambda connection: audit.entries(connection, limit=99))
    return [(entry.action, entry.subject) for entry in reversed(found)]


def _row(pool: Pool, name: str) -> sa.Row:
    return pool.read(lambda connection: connection.execute(sa.select(table).where(table.c.name == name)).one())


def test_a_new_account_has_a_password_for_once(any_pool: Pool, boss: User, review_settings: ReviewSettings) -> None:
    password = users.create(any_pool, boss, " 小李 ", Role.REVIEWER, review_settings.access)
    assert re.fullmatch(r"([a-z2-9]{4}-){3}[a-z2-9]{4}", password)
    user = authenticate(any_pool, "小李", password, review_settings.access, AT)
    assert user is not None
    assert (user.name, user.role, user.must_change) == ("小李", Role.REVIEWER, True)
    assert password not in _row(any_pool, "小李").password_hash
    assert _actions(any_pool) == [("user_created", "小李"), ("login", "小李")]
    assert any_pool.read(audit.verify) is None


@pytest.mark.parametrize("name", ["x", "a" * 51, "a b", "<b>x</b>", "x\x00y", "", "李\n二"])
def test_a_name_that_cannot_be_one_is_refused(
    any_pool: Pool, boss: User, review_settings: ReviewSettings, name: str
) -> None:
    with pytest.raises(AccessError) as caught:
        users.create(any_pool, boss, name, Role.REVIEWER, review_settings.access)
    assert caught.value.code == "name_invalid"
    assert authenticate(any_pool, name, PASSWORD, review_settings.access, AT) is None


def test_a_name_is_given_once(any_pool: Pool, boss: User, review_settings: ReviewSettings) -> None:
    with pytest.raises(AccessError) as caught:
        users.create(any_pool, boss, "boss", Role.REVIEWER, review_settings.access)
    assert caught.value.code == "name_taken"


def test_the_first_administrator_is_made_once(any_pool: Pool, review_settings: ReviewSettings) -> None:
    made = users.first_administrator(any_pool, review_settings.access)
    assert made is not None
    user = authenticate(any_pool, *made, review_settings.access, AT)
    assert user is not None
    assert (user.role, user.must_change) == (Role.ADMINISTRATOR, True)
    assert users.first_administrator(any_pool, review_settings.access) is None


def test_several_failures_lock_an_account_for_a_while(
    any_pool: Pool, review_settings: ReviewSettings, kept_password: str
) -> None:
    settings = review_settings.access
    add_user(any_pool, "li", Role.REVIEWER, kept_password)
    for _ in range(settings.failures):
        assert authenticate(any_pool, "li", "wrong", settings, AT) is None
    assert authenticate(any_pool, "li", PASSWORD, settings, AT + timedelta(minutes=settings.lock_minutes - 1)) is None
    assert _actions(any_pool) == [
        *[("login_failed", "li")] * settings.failures, ("user_locked", "li"), ("login_failed", "li"),
    ]  # fmt: skip
    assert authenticate(any_pool, "li", PASSWORD, settings, AT + timedelta(minutes=settings.lock_minutes)) is not None


def test_a_success_begins_the_count_anew(any_pool: Pool, review_settings: ReviewSettings, kept_password: str) -> None:
    settings = review_settings.access
    add_user(any_pool, "li", Role.REVIEWER, kept_password)
    for _ in range(3):
        for _ in range(settings.failures - 1):
            assert authenticate(any_pool, "li", "wrong", settings, AT) is None
        assert authenticate(any_pool, "li", PASSWORD, settings, AT) is not None


def test_what_was_typed_as_an_unknown_name_is_not_kept(any_pool: Pool, review_settings: ReviewSettings) -> None:
    assert authenticate(any_pool, "my-secret-password", "x", review_settings.access, AT) is None
    (entry,) = any_pool.read(lambda connection: audit.entries(connection, limit=9))
    assert (entry.user, entry.action, entry.subject, entry.detail) == ("", "login_failed", "", {"reason": "unknown"})


def test_an_unknown_name_costs_a_hash_too(
    pool: Pool, review_settings: ReviewSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []
    monkeypatch.setattr(passwords, "fits", lambda _, kept: bool(asked.append(kept)))
    assert authenticate(pool, "nobody", "x", review_settings.access, AT) is None
    assert asked == [None]
    monkeypatch.undo()
    assert not passwords.fits("x", None)


def test_hashing_holds_no_transaction(
    pool: Pool, review_settings: ReviewSettings, kept_password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_user(pool, "li", Role.ADMINISTRATOR, kept_password)
    running: list[str] = []
    write = pool.write

    def watched(work: object) -> object:
        running.append("write")
        try:
            return write(work)
        finally:
            running.pop()

    def hashes(_: str) -> str:
        assert not running
        return kept_password

    monkeypatch.setattr(pool, "write", watched)
    monkeypatch.setattr(passwords, "hashed", hashes)
    monkeypatch.setattr(passwords, "fits", lambda password, _: bool(hashes(password)))
    li = authenticate(pool, "li", PASSWORD, review_settings.access, AT)
    assert li is not None
    users.create(pool, li, "wang", Role.LEAD, review_settings.access)
    users.change_password(pool, li, PASSWORD, "another good one", review_settings.access, AT)
    users.reset_password(pool, li, li.id, review_settings.access)


def test_a_hash_of_other_costs_is_renewed_at_login(pool: Pool, review_settings: ReviewSettings) -> None:
    add_user(pool, "li", Role.REVIEWER, PasswordHasher(time_cost=1, memory_cost=1024).hash(PASSWORD))
    before = _row(pool, "li").password_hash
    assert authenticate(pool, "li", PASSWORD, review_settings.access, AT) is not None
    after = _row(pool, "li").password_hash
    assert before != after
    assert not passwords.is_dated(after)
    assert authenticate(pool, "li", PASSWORD, review_settings.access, AT) is not None


def test_changing_the_password_ends_all_sessions(
    any_pool: Pool, review_settings: ReviewSettings, kept_password: str
) -> None:
    settings = review_settings.access
    li = add_user(any_pool, "li", Role.REVIEWER, kept_password, must_change=True)
    token = sessions.open_session(any_pool, li, settings, AT)
    users.change_password(any_pool, li, PASSWORD, "another good one", settings, AT)
    assert sessions.find(any_pool, token, settings, AT) is None
    assert authenticate(any_pool, "li", PASSWORD, settings, AT) is None
    user = authenticate(any_pool, "li", "another good one", settings, AT)
    assert user is not None
    assert not user.must_change


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (PASSWORD, "short", "password_length"),
        (PASSWORD, "x" * 201, "password_length"),
        (PASSWORD, "x" * 12, "password_simple"),
        (PASSWORD, "REVIEWER-LI", "password_simple"),
        (PASSWORD, PASSWORD, "password_same"),
        ("wrong", "another good one", "password_wrong"),
    ],
)
def test_a_bad_change_is_refused(
    pool: Pool, review_settings: ReviewSettings, kept_password: str, old: str, new: str, code: str
) -> None:
    li = add_user(pool, "reviewer-li", Role.REVIEWER, kept_password)
    with pytest.raises(AccessError) as caught:
        users.change_password(pool, li, old, new, review_settings.access, AT)
    assert caught.value.code == code
    assert _row(pool, "reviewer-li").password_hash == kept_password


def test_a_reset_unlocks_and_ends_sessions(any_pool: Pool, boss: User, review_settings: ReviewSettings) -> None:
    settings = review_settings.access
    li = add_user(any_pool, "li", Role.REVIEWER)
    token = sessions.open_session(any_pool, li, settings, AT)
    for _ in range(settings.failures):
        authenticate(any_pool, "li", "wrong", settings, AT)
    name, password = users.reset_password(any_pool, boss, li.id, settings)
    assert sessions.find(any_pool, token, settings, AT) is None
    user = authenticate(any_pool, name, password, settings, AT)
    assert user is not None
    assert user.must_change


def test_a_reset_from_the_command_line_is_nobodys(any_pool: Pool, boss: User, review_settings: ReviewSettings) -> None:
    password = users.reset_by_name(any_pool, "boss", review_settings.access)
    assert authenticate(any_pool, "boss", password, review_settings.access, AT) is not None
    entry = any_pool.read(lambda connection: audit.entries(connection, limit=9))[-1]
    assert (entry.user, entry.action, entry.subject) == ("", "password_reset", "boss")
    with pytest.raises(AccessError) as caught:
        users.reset_by_name(any_pool, "nobody", review_settings.access)
    assert caught.value.code == "user_unknown"


def test_a_closed_account_cannot_enter(
    any_pool: Pool, boss: User, review_settings: ReviewSettings, kept_password: str
) -> None:
    settings = review_settings.access
    li = add_user(any_pool, "li", Role.REVIEWER, kept_password)
    token = sessions.open_session(any_pool, li, settings, AT)
    users.set_active(any_pool, boss, li.id, False)
    assert sessions.find(any_pool, token, settings, AT) is None
    assert authenticate(any_pool, "li", PASSWORD, settings, AT) is None
    users.set_active(any_pool, boss, li.id, True)
    assert authenticate(any_pool, "li", PASSWORD, settings, AT) is not None
    assert [action for action, _ in _actions(any_pool)] == [
        "user_deactivated", "login_failed", "user_activated", "login",
    ]  # fmt: skip


def test_a_role_takes_effect_at_once(any_pool: Pool, boss: User, review_settings: ReviewSettings) -> None:
    li = add_user(any_pool, "li", Role.REVIEWER)
    token = sessions.open_session(any_pool, li, review_settings.access, AT)
    users.set_role(any_pool, boss, li.id, Role.LEAD)
    session = sessions.find(any_pool, token, review_settings.access, AT)
    assert session is not None
    assert session.user.role is Role.LEAD
    (entry,) = any_pool.read(lambda connection: audit.entries(connection, limit=9))
    assert (entry.user, entry.subject, entry.detail) == ("boss", "li", {"after": "lead", "before": "reviewer"})


def test_the_last_administrator_stays(any_pool: Pool, boss: User) -> None:
    for change in (
        lambda: users.set_role(any_pool, boss, boss.id, Role.LEAD),
        lambda: users.set_active(any_pool, boss, boss.id, False),
    ):
        with pytest.raises(AccessError) as caught:
            change()
        assert caught.value.code == "last_administrator"
    other = add_user(any_pool, "other", Role.ADMINISTRATOR)
    users.set_active(any_pool, boss, boss.id, False)
    with pytest.raises(AccessError):
        users.set_role(any_pool, other, other.id, Role.REVIEWER)


def test_an_account_that_is_not_there_is_refused(any_pool: Pool, boss: User, review_settings: ReviewSettings) -> None:
    for change in (
        lambda: users.set_role(any_pool, boss, 999, Role.LEAD),
        lambda: users.set_active(any_pool, boss, 999, True),
        lambda: users.reset_password(any_pool, boss, 999, review_settings.access),
    ):
        with pytest.raises(AccessError) as caught:
            change()
        assert caught.value.code == "user_unknown"
