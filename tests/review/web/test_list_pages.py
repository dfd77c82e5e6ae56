"""Lists and figures: what is in the address is what is shown, and what is shown is what is exported."""

import io
import re
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import openpyxl
import pytest

from pipeline.review import audit
from pipeline.review.access import Role
from pipeline.store.database import Pool
from pipeline.store.review import BLIND

from ..conftest import DeskClient
from ..filled import Filled

ClientFor = Callable[..., DeskClient]
PAGES = ("/tickets", "/confusions", "/units", "/weeks")


@pytest.fixture
def filled(pool: Pool) -> Iterator[Filled]:
    made = Filled(pool.url.render_as_string(hide_password=False))
    made.shown("frequent_outage", agent="bill", narrative="村里停电")
    made.shown("voltage_abnormal", agent="voltage_abnormal", unit="马鞍供电所", week="2026-W49")
    made.shown("bill", narrative="=HYPERLINK(1)", unit="=1+1", rule="r", note="n")
    made.blind("bill", "bill")
    yield made
    made.engine.dispose()


@pytest.fixture
def client(filled: Filled, client_for: ClientFor) -> DeskClient:
    return client_for(Role.LEAD)


def book_of(client: DeskClient, path: str) -> openpyxl.Workbook:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    return openpyxl.load_workbook(io.BytesIO(answer.content))


def tickets_in(page: str) -> list[str]:
    return re.findall(r'<a href="/tickets/\d+">(T\d+)</a>', page)


def test_the_list_and_its_filters(client: DeskClient) -> None:
    assert len(tickets_in(client.get("/tickets").text)) == 4
    assert len(tickets_in(client.get("/tickets?wrong=1").text)) == 2
    assert len(tickets_in(client.get("/tickets?unit=马鞍供电所&week_from=2026-W49").text)) == 1
    assert len(tickets_in(client.get("/tickets?q=村里").text)) == 1
    assert len(tickets_in(client.get("/tickets?side=agent&wrong=1").text)) == 1


def test_a_filter_stays_in_the_address_of_the_export_and_of_the_next_page(client: DeskClient, filled: Filled) -> None:
    for _ in range(60):
        filled.shown("bill")
    page = client.get("/tickets?to_cause=bill").text
    export = re.search(r'id="export" href="([^"]*)"', page)
    following = re.search(r'<a href="([^"]*)" rel="next"', page)
    assert export is not None
    assert following is not None
    assert parse_qs(urlsplit(export[1]).query) == {"to_cause": ["bill"]}
    assert parse_qs(urlsplit(following[1].replace("&amp;", "&")).query) == {"to_cause": ["bill"], "page": ["2"]}
    second = client.get(following[1].replace("&amp;", "&")).text
    assert len(tickets_in(page)) + len(tickets_in(second)) == 62
    assert set(tickets_in(page)).isdisjoint(tickets_in(second))


def test_conditions_that_say_nothing_are_named_and_left_out(client: DeskClient) -> None:
    page = client.get("/tickets?to_cause=nothing&page=x").text
    assert "to_cause、page" in page
    assert len(tickets_in(page)) == 4


def test_every_cell_of_the_matrix_leads_to_its_tickets(client: DeskClient) -> None:
    page = client.get("/confusions").text
    matrix = page[page.index('id="matrix"') : page.index("</table>")]
    cells = re.findall(r'<a href="([^"]*)">(\d+)</a>', matrix)
    assert cells
    for address, number in cells:
        assert len(tickets_in(client.get(address.replace("&amp;", "&")).text)) == int(number)
    assert sum(int(number) for _, number in cells) == 4


@pytest.mark.parametrize("path", ["/units", "/weeks"])
def test_groups_lead_to_their_wrong_tickets(client: DeskClient, path: str) -> None:
    page = client.get(path).text
    rows = re.findall(r'<th scope="row"><a href="([^"]*)">.*?</tr>', page, re.DOTALL)
    assert rows
    assert sum(len(tickets_in(client.get(address.replace("&amp;", "&")).text)) for address in rows) == 2


@pytest.mark.parametrize("path", PAGES)
def test_a_workbook_holds_what_the_page_does_and_no_formula(client: DeskClient, path: str) -> None:
    book = book_of(client, f"{path}.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert all(cell.data_type != "f" for cell in cells)
    if path == "/tickets":
        texts = {str(cell.value) for cell in cells}
        assert set(tickets_in(client.get(path).text)) <= texts


def test_an_export_is_on_record_without_personal_data(client: DeskClient, pool: Pool) -> None:
    book_of(client, "/tickets.xlsx?q=13812345678")
    entry = pool.read(lambda connection: audit.entries(connection, limit=1))[0]
    assert (entry.action, entry.subject, entry.detail) == ("export", "tickets", {"rows": 0, "q": "<电话>"})


def test_a_ticket_shows_all_that_was_decided_and_only_a_lead_may_unmask(
    client: DeskClient, client_for: ClientFor, filled: Filled
) -> None:
    item = filled.item("bill")
    reading = filled.reading(item, "shown")
    filled.decide(reading, "frequent_outage", note="一次停电")
    filled.decide(reading, None)
    filled.decide(reading, "bill")
    page = client.get(f"/tickets/{item}").text
    assert page.count("<tr>") == 4  # the head and three decisions
    assert "一次停电" in page
    assert f"/tickets/{item}/unmask" in page
    assert "unmask" not in client_for(Role.REVIEWER).get(f"/tickets/{item}").text
    assert "请写明理由" in client.submit(f"/tickets/{item}/unmask", reason=" ").text
    gone = client.submit(f"/tickets/{item}/unmask", reason="核对").text
    assert "来源中已没有这件工单" in gone
    assert client.get("/tickets/999").status_code == 404


def test_what_is_still_to_be_read_cannot_be_looked_up(client: DeskClient, filled: Filled) -> None:
    item = filled.blind("bill", "frequent_outage")
    assert client.get(f"/tickets/{item}").status_code == 200
    filled.reading(item, BLIND, 2)
    assert client.get(f"/tickets/{item}").status_code == 404
    assert f"/tickets/{item}" not in client.get("/tickets").text


def test_the_honest_figures(client: DeskClient) -> None:
    page = client.get("/quality").text
    assert "不是准确率" in page
    assert "100.00%" in page  # the one blind ticket
    assert "仅供参考" in page
    book = book_of(client, "/quality.xlsx?week_from=2026-W48")
    assert len(book.sheetnames) == 6
    assert client.get("/quality?week_from=x").status_code == 422
