import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from pipeline.review import audit
from pipeline.review.access import Role
from pipeline.review.clock import now
from pipeline.review.login import authenticate
from pipeline.review.settings import ReviewSettings
from pipeline.review.web.pages import environment
from pipeline.store.database import Pool
from pipeline.store.review import audit as table

from ..conftest import PASSWORD, DeskClient, add_user, log_in

ClientFor = Callable[..., DeskClient]


def test_an_administrator_makes_an_account_whose_password_is_shown_once(
    client_for: ClientFor, pool: Pool, review_settings: ReviewSettings
) -> None:
    client = client_for(Role.ADMINISTRATOR)
    page = client.submit("/users", name="小李", role="lead").text
    password = re.findall(r'<code class="secret">([^<]+)</code>', page)
    assert len(password) == 1
    assert password[0] not in client.get("/users").text
    user = authenticate(pool, "小李", password[0], review_settings.access, now())
    assert user is not None
    assert user.must_change
    assert "已有同名账号" in client.submit("/users", name="小李", role="lead").text


def test_an_administrator_changes_accounts(client_for: ClientFor, pool: Pool) -> None:
    client = client_for(Role.ADMINISTRATOR)
    li = add_user(pool, "li", Role.REVIEWER)
    assert client.submit(f"/users/{li.id}/role", role="lead").headers["Location"] == "/users"
    assert client.submit(f"/users/{li.id}/active", active="false").headers["Location"] == "/users"
    assert "已停用" in client.get("/users").text
    assert 'class="secret"' in client.submit(f"/users/{li.id}/reset").text
    assert client.submit(f"/users/{li.id}/role", role="king").status_code == 422
    assert "没有这个账号" in client.submit("/users/999/role", role="lead").text
    assert client.submit("/users/99999999999/role", role="lead").status_code == 422
    assert "最后一个" in client.submit(f"/users/{client.user.id}/active", active="false").text
    assert "最后一个" in client.submit(f"/users/{client.user.id}/role", role="lead").text


def test_a_password_for_once_is_changed_and_the_work_begins(
    browser_of: Callable[..., DeskClient], pool: Pool, review_settings: ReviewSettings, kept_password: str
) -> None:
    client = browser_of()
    client.user = add_user(pool, "li", Role.LEAD, kept_password, must_change=True)
    log_in(client, pool, review_settings)
    assert client.get("/audit").headers["Location"] == "/password"
    assert "一次性密码" in client.get("/password").text
    new = "another good one"
    assert "不一样" in client.submit("/password", old=PASSWORD, new=new, again="x").text
    assert "现在的密码不对" in client.submit("/password", old="wrong", new=new, again=new).text
    before = dict(client.cookies)
    assert client.submit("/password", old=PASSWORD, new=new, again=new).headers["Location"] == "/"
    assert dict(client.cookies) != before
    assert client.get("/audit").status_code == 200


def test_the_language_is_chosen_and_one_is_back_on_the_page(client_for: ClientFor) -> None:
    client = client_for(Role.LEAD)
    assert "审计日志" in client.get("/audit").text
    answer = client.submit("/language", language="en", back="/audit?user=li")
    assert answer.headers["Location"] == "/audit?user=li"
    page = client.get("/audit?user=li").text
    assert "Audit log" in page
    assert 'name="back" value="/audit?user=li"' in page
    assert client.submit("/language", language="en", back="//elsewhere.example").headers["Location"] == "/"
    assert client.submit("/language", language="xx").status_code == 422


def test_the_head_leads_where_the_role_may_go(client_for: ClientFor) -> None:
    links = r'<a href="(/[a-z]+)"(?: aria-current="page")?>'
    assert re.findall(links, client_for(Role.ADMINISTRATOR).get("/password").text) == ["/users"]
    reviewer = re.findall(links, client_for(Role.REVIEWER).get("/password").text)
    assert reviewer == ["/queue", "/tickets", "/confusions", "/units", "/weeks"]
    assert 'href="/audit" aria-current="page"' in client_for(Role.LEAD).get("/audit").text


def test_the_log_is_filtered_and_paged(client_for: ClientFor, pool: Pool, review_settings: ReviewSettings) -> None:
    client = client_for(Role.LEAD)
    rows = review_settings.page_rows
    for number in range(rows + 3):
        pool.write(lambda c, n=number: audit.record(c, client.user, "looked", f"subject-{n}-", reason="<b>"))
    page = client.get("/audit?action=looked").text
    assert page.count("subject-") == rows
    assert "<b>" not in page
    older = re.findall(r'href="([^"]+)" rel="next"', page)[0].replace("&amp;", "&")
    rest = client.get(older).text
    assert [f"subject-{number}-" in rest for number in range(4)] == [True, True, True, False]
    assert 'rel="next"' not in rest
    assert 'href="/audit?action=looked"' in rest
    assert "没有符合条件的记录" in client.get("/audit?user=nobody").text
    assert client.get("/audit?user=%00").status_code == 422
    assert client.get("/audit?before=99999999999").status_code == 422


def test_the_log_is_checked_when_asked(client_for: ClientFor, pool: Pool) -> None:
    client = client_for(Role.LEAD)
    for _ in range(3):
        pool.write(lambda connection: audit.record(connection, client.user, "looked", "x"))
    assert "日志完整" not in client.get("/audit").text
    assert "日志完整" in client.get("/audit?verify=1").text

    def alter(connection: sa.Connection) -> None:
        connection.execute(sa.text("DROP TRIGGER audit_no_update"))
        connection.execute(table.update().where(table.c.id == 2).values(subject="y"))

    pool.write(alter)
    page = client.get("/audit?verify=1").text
    assert "从第 2 条起" in page
    assert page.count('class="marked"') == 1


@pytest.mark.parametrize("role", Role)
def test_who_leaves_finds_the_login(client_for: ClientFor, role: Role) -> None:
    client = client_for(role)
    assert client.submit("/logout").headers["Location"] == "/login"
    assert client.get("/").headers["Location"] == "/login?next=/"


def test_templates_escape_and_know_all_their_names() -> None:
    assert environment().autoescape is True
    assert environment().undefined.__name__ == "StrictUndefined"
