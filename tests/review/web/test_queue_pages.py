"""The pages of the queue, as a browser without a screen gets them."""

import re
from collections.abc import Callable, Iterator

import pytest

from pipeline.review.access import Role
from pipeline.store.database import Pool
from pipeline.store.review import BLIND, SHOWN, decisions

from ...conftest import everything
from ..conftest import DeskClient
from ..filled import Filled

ClientFor = Callable[..., DeskClient]
NONCE = "n" * 32


@pytest.fixture
def filled(pool: Pool) -> Iterator[Filled]:
    made = Filled(pool.url.render_as_string(hide_password=False))
    yield made
    made.engine.dispose()


@pytest.fixture
def client(filled: Filled, client_for: ClientFor) -> DeskClient:
    return client_for(Role.REVIEWER)


def decide(client: DeskClient, reading: int, cause: str, **form: str) -> tuple[int, str]:
    answer = client.submit(f"/readings/{reading}/decision", cause=cause, **{"nonce": NONCE} | form)
    return answer.status_code, answer.text


def test_a_ticket_with_its_paths_words_and_form(client: DeskClient, filled: Filled) -> None:
    evidence = {"type": {"words": [], "reliable": True}, "cause": {"words": [[0, 2]], "reliable": True}}
    item = filled.item("frequent_outage", "bill", narrative="停电三天", evidence=evidence, topic="【停电】")
    reading = filled.reading(item, SHOWN)
    page = client.get("/queue").text
    assert f'hx-post="/readings/{reading}/decision"' in page
    assert re.search(r'<mark class="cause"[^>]*>停电</mark>三天', page)
    assert "供电质量投诉" in page
    assert "营业投诉" in page
    assert re.search(r'name="nonce" value="[A-Za-z0-9_-]{32}"', page)
    assert "look_again" not in page
    assert "/narrative?tries" not in page


def test_words_that_are_not_there_yet_are_asked_for_a_few_times(client: DeskClient, filled: Filled) -> None:
    reading = filled.reading(filled.item(), SHOWN)
    assert f"/readings/{reading}/narrative?tries=5" in client.get("/queue").text
    assert "tries=4" in client.get(f"/readings/{reading}/narrative?tries=5").text
    assert "tries" not in client.get(f"/readings/{reading}/narrative?tries=1").text
    assert client.get(f"/readings/{reading + 1}/narrative").status_code == 404


def test_read_blind_the_page_tells_nothing(client: DeskClient, filled: Filled) -> None:
    values = {"fields": {"agent_type": "营业投诉", "agent_cause": "电费", "unit": "城关供电所"}, "topic": "【电费】"}
    reading = filled.reading(filled.item("voltage_abnormal", "bill", blind=True, **values), BLIND)
    page = client.get("/queue").text
    decision = page[page.index('<section id="desk"') :]
    assert "电压质量长时间异常" not in re.sub(r"<select.*?</select>", "", decision, flags=re.DOTALL)
    assert "【电费】" not in page
    assert 'name="cause" value=""' in page
    assert decide(client, reading, "voltage_abnormal")[0] == 200


def test_what_is_saved_is_said_and_the_next_ticket_follows(client: DeskClient, filled: Filled) -> None:
    first, second = (filled.reading(filled.item(), SHOWN) for _ in range(2))
    client.get("/queue")
    status, page = decide(client, first, "frequent_outage")
    assert status == 200
    assert 'id="saved"' in page
    assert f"/readings/{second}/decision" in page
    assert [row.cause for row in everything(str(filled.engine.url), decisions)] == ["frequent_outage"]


def test_what_is_not_saved_is_not_said_to_be(client: DeskClient, filled: Filled) -> None:
    reading = filled.reading(filled.item(), SHOWN)
    client.get("/queue")
    for cause, form in (
        ("bill", {}),
        ("", {}),
        ("nothing", {}),
        ("bill", {"rule": "r", "note": "n", "second_cause": "bill"}),
    ):
        status, page = decide(client, reading, cause, **form)
        assert (status, 'id="refused"' in page, 'id="saved"' in page) == (409, True, False)
    assert decide(client, reading, "frequent_outage", nonce="short")[0] == 422
    assert decide(client, reading, "frequent_outage", note="x" * 2001)[0] == 422
    assert everything(str(filled.engine.url), decisions) == []


def test_skip_and_undo(client: DeskClient, filled: Filled) -> None:
    first, second = (filled.reading(filled.item(), SHOWN) for _ in range(2))
    client.get("/queue")
    assert f"/readings/{second}/decision" in client.submit(f"/readings/{first}/skip").text
    decide(client, second, "frequent_outage")
    assert f"/readings/{second}/decision" in client.submit("/undo").text
    assert "没有可以撤回的决定" in client.submit("/undo").text


def test_an_empty_queue_says_so(client: DeskClient) -> None:
    page = client.get("/queue").text
    assert "没有待复核的工单" in page
    assert 'id="undo"' in page


def test_causes_by_what_is_typed_or_by_type(client: DeskClient) -> None:
    assert 'data-cause="frequent_outage"' in client.get("/causes?q=pftd").text
    of_type = re.findall(r'data-cause="(\w+)"', client.get("/causes?type=power_quality").text)
    assert of_type == ["voltage_abnormal", "frequency_abnormal", "frequent_outage"]
    assert "data-cause" not in client.get("/causes?q=zzzz&type=nothing").text
    assert client.get("/causes?q=" + "x" * 201).status_code == 422


def test_a_tickets_text_stays_text(client: DeskClient, filled: Filled) -> None:
    filled.reading(filled.item(narrative="<script>alert(1)</script>", fields={"unit": '"><img src=x>'}), SHOWN)
    page = client.get("/queue").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<img" not in page
