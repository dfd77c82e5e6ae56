"""The review desk in a real browser: a working day by keyboard, and everything that may go wrong in it."""

import csv
import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openpyxl
import pytest
import sqlalchemy as sa
import uvicorn
import yaml
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, Request, Route, ViewportSize

from pipeline.classify.model import ONE_CORE, Model
from pipeline.nightly import run_night
from pipeline.review import audit, sessions, users
from pipeline.review.access import Role, User
from pipeline.review.catalogue import Catalogue
from pipeline.review.clock import now
from pipeline.review.desk import Desk, Given, Verdict
from pipeline.review.evidence import gather
from pipeline.review.serve import opened
from pipeline.review.settings import ReviewSettings
from pipeline.review.web.cookies import session_cookie
from pipeline.settings import CONFIGS, ROOT
from pipeline.store.database import Pool
from pipeline.store.review import BLIND, CONFIRM, CORRECT, DONE, SHOWN, WITHDRAW, decisions, readings, review_items
from pipeline.store.schema import predictions, runs
from pipeline.taxonomy import Taxonomy

from ..conftest import drop, everything, night_in
from .conftest import add_user

DESKTOP, PHONE = ViewportSize(width=1366, height=768), ViewportSize(width=390, height=844)
DEMO = ROOT / "data" / "demo" / "云山县供电公司投诉工单.csv"
TICKETS = 80  # of the first 80, every type has two or more
PASSWORDS = ("correct horse 1", "correct horse 2")
HEADER = ("工单编号", "受理时间", "一级分类", "受理内容", "供电单位", "台区")
SCRIPT, FORMULA = "<script>alert(1)</script>", '=HYPERLINK("http://x","y")'
HOSTILE = (
    SCRIPT,
    FORMULA,
    "停" * 10_000,
    "W" * 200,
    "😀🏭停电了",
    "\u202e电停\u200f频繁",
    '"><img src=x onerror=alert(1)>',
)
EVERY_PAGE = ("/queue", "/tickets", "/confusions", "/units", "/weeks", "/quality", "/audit", "/password", "/nowhere")
STATES = {
    "shown", "searching", "searched", "correcting", "saved", "blind", "blind, type chosen", "blind, chosen",
}  # fmt: skip
EVERY_LIST = ("/tickets", "/confusions", "/units", "/weeks")
ROOM = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
HEIGHT = "document.documentElement.scrollHeight"
# Everything that sticks out at the right, but for what stands in a box of its own that scrolls or is cut.
OUTSIDE = """() => [...document.body.querySelectorAll("*")].filter(element => {
    for (let box = element.parentElement; box; box = box.parentElement)
        if (["auto", "hidden", "scroll"].includes(getComputedStyle(box).overflowX)) return false;
    return element.getBoundingClientRect().right > document.documentElement.clientWidth + 1;
}).map(element => element.outerHTML.slice(0, 80))"""
FOREIGN = """() => [...document.querySelectorAll("script:not([src^='/static/']), img, iframe, [onerror]")]
    .map(element => element.outerHTML)"""
# The page has taken up what was sent last: another ticket, or the same one in a new form.
ANOTHER = """before => {
    const form = document.querySelector("#decision");
    return document.querySelector("#desk[data-ready]") && (!form || form.elements.nonce.value !== before);
}"""
# Autofocus comes with the first picture of a page, which may be after its load: what is typed before that is lost.
FOCUSED = "document.activeElement.matches('input')"
COMPOSE = """keys => keys.forEach(key => document.activeElement.dispatchEvent(
    new KeyboardEvent("keydown", {key, isComposing: true, bubbles: true, cancelable: true})))"""
CHINESE = re.compile(r"[\u4e00-\u9fff]")

zh, en = Catalogue.load("zh"), Catalogue.load("en")


@dataclass(slots=True)
class Served:
    """A desk that answers on a port of this machine."""

    address: str
    pool: Pool
    settings: ReviewSettings
    desk: Desk
    database: str

    def decisions(self) -> list[sa.Row[Any]]:
        return everything(self.database, decisions)

    def names(self) -> dict[int, str]:
        """The ticket of each reading."""
        items = {row.id: row.ticket_id for row in everything(self.database, review_items)}
        return {row.id: items[row.item_id] for row in everything(self.database, readings)}


@dataclass(slots=True)
class Seat:
    """Somebody's browser window, with everything that it said and asked for."""

    page: Page
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        def dismiss(dialog: Dialog) -> None:
            self.dialogs.append(dialog.message)
            dialog.dismiss()

        self.page.on("console", lambda message: self.messages.append(f"{message.text} {message.location['url']}"))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", lambda asked: self.requests.append(asked.url))
        self.page.on("dialog", dismiss)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, *texts: str) -> None:
        """Fill in a form that has the focus: Tab leads from one text to the next, Enter sends it."""
        self.page.wait_for_function(FOCUSED)
        for at, text in enumerate(texts):
            if at:
                self.press("Tab")
            self.page.keyboard.type(text)
        self.press("Enter")

    def send(self, key: str) -> None:
        """Press a key that ends with another form."""
        before = self.form("nonce")
        self.press(key)
        self.page.wait_for_function(ANOTHER, arg=before)

    def choose(self, *keys: str) -> None:
        """Choose a cause without a suggestion: a type by its number, one of its causes by another."""
        kind, cause = keys
        self.press(kind)
        self.page.wait_for_selector("#found button")
        self.press(cause)

    def look_for(self, typed: str) -> None:
        """Choose what the search finds first."""
        self.press("/")
        self.page.keyboard.type(typed)
        self.page.wait_for_selector("#found button")
        self.press("Enter")

    def form(self, name: str) -> str:
        return str(self.page.locator(f"#decision [name={name}]").input_value())

    @property
    def is_blind(self) -> bool:
        return self.page.locator(".ticket.blind").count() == 1

    @property
    def ticket(self) -> str:
        return self.page.locator(".ticket h1").inner_text()

    @property
    def reading(self) -> int:
        address = self.page.locator("#decision").get_attribute("hx-post") or ""
        return int(address.split("/")[2])

    @property
    def has_room(self) -> bool:
        """Whether nothing has to be scrolled sideways."""
        width, room = self.page.evaluate(ROOM)
        return bool(width <= room and self.page.evaluate(OUTSIDE) == [])


def review_in(folder: Path, **blind: float) -> ReviewSettings:
    """The shipped settings over the night of a folder, but for the blind share, and with everything worth a look."""
    content = yaml.safe_load((CONFIGS / "review.yaml").read_text(encoding="utf-8"))
    content["nightly"] = str(folder / "nightly.yaml")
    content["queue"]["margin"] = 1.0
    content["queue"]["blind"] |= blind
    (folder / "review.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return ReviewSettings.load(folder / "review.yaml")


def prepare(folder: Path, model: Path, header: Sequence[str], rows: Sequence[Sequence[str]], **blind: float) -> Path:
    """Run a night over an export, choose from it, look for the words, and return the folder."""
    (folder / "inbox").mkdir()
    drop(folder / "inbox", "export.csv", rows, header)
    run_night(night_in(folder, model))
    with opened(review_in(folder, **blind)) as desk:
        desk.worker.filler.fill()
        gather(desk.pool, Model.load(model, desk.worker.filler.taxonomy, bert=ONE_CORE), len(rows))
    return folder


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, tree_model: Path) -> Path:
    """A night of the demo export's first tickets."""
    with DEMO.open(encoding="gb18030", errors="replace", newline="") as file:
        header, *rows = csv.reader(file)
    return prepare(tmp_path_factory.mktemp("demo"), tree_model, header, rows[:TICKETS], least=12, shown=0.5)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, tree_model: Path) -> Path:
    """A night of tickets that want to be more than text, wherever text can be."""
    rows = [
        (
            f"H{number}",
            "2026-10-01 08:00",
            "停送电投诉",
            f"【{text[:30]}】{text}，客户反映频繁停电",
            text[:200],
            text[:90],
        )
        for number, text in enumerate(HOSTILE)
    ]
    return prepare(tmp_path_factory.mktemp("hostile"), tree_model, HEADER, rows, least=1, shown=0)


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve an app from a thread, on a port that was free."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@contextmanager
def served_over(prepared: Path, folder: Path, model: Path, taxonomy: Taxonomy) -> Iterator[Served]:
    """Serve a copy of a prepared desk, so that tests leave each other alone."""
    shutil.copy(prepared / "night.db", folder)
    shutil.copytree(prepared / "inbox", folder / "inbox")
    nightly, settings = night_in(folder, model), review_in(folder)
    with opened(settings) as desk, serving(desk.app) as address:
        lease = timedelta(minutes=settings.queue.lease_minutes)
        yield Served(address, desk.pool, settings, Desk(desk.pool, taxonomy, lease), nightly.database)


@pytest.fixture
def served(demo: Path, tmp_path: Path, tree_model: Path, taxonomy: Taxonomy) -> Iterator[Served]:
    with served_over(demo, tmp_path, tree_model, taxonomy) as found:
        yield found


@pytest.fixture
def seat_for(browser: Browser, served: Served) -> Iterator[Callable[..., Seat]]:
    with seats(browser) as seat:
        yield lambda user, size=DESKTOP: seat(served, user, size)


@contextmanager
def seats(browser: Browser) -> Iterator[Callable[[Served, User | None, ViewportSize], Seat]]:
    """Open windows in which somebody is logged in, or nobody."""
    made: list[BrowserContext] = []

    def seat(served: Served, user: User | None, size: ViewportSize) -> Seat:
        context = browser.new_context(viewport=size, base_url=served.address)
        context.set_default_timeout(30_000)  # a busy machine is no fault of the page
        made.append(context)
        if user is not None:
            token = sessions.open_session(served.pool, user, served.settings.access, now())
            context.add_cookies([{"name": session_cookie(served.settings), "value": token, "url": served.address}])
        return Seat(context.new_page())

    yield seat
    for context in made:
        context.close()


@pytest.fixture
def reviewer(served: Served) -> User:
    return add_user(served.pool, "复核员甲", Role.REVIEWER)


@pytest.fixture
def seat(seat_for: Callable[..., Seat], reviewer: User) -> Seat:
    """A reviewer before the first ticket that the model has something to say about."""
    seat = seat_for(reviewer)
    seat.page.goto("/queue")
    to_next(seat, blind=False)
    return seat


def to_next(seat: Seat, *, blind: bool) -> None:
    seat.page.wait_for_selector("#desk[data-ready]")
    while seat.is_blind != blind:
        seat.send("s")


def scripted(served: Served, user: User, most: int) -> None:
    """Decide without a browser: every third ticket otherwise than the model."""
    for number in range(most):
        given = served.desk.take(user)
        if given is None:
            return
        said = given.ticket["cause"]
        cause = next(other for other in ("bill", "frequent_outage") if other != said) if number % 3 == 0 else said
        served.desk.decide(
            user, given.reading_id, Verdict(cause, None, "条款", "客户说的是另一件事", f"{user.id}-{number}")
        )


@dataclass(frozen=True, slots=True)
class Made:
    """A decision as the person who made it remembers it."""

    ticket: str
    reading: int
    kind: str
    cause: str
    rule: str
    note: str


NOTES = ("一次停电没有通知，不是频繁停电", "客户说的是电费", "客户只是咨询", "投诉的是抢修太慢", "电压低，不是停电")
_FOUND = {"df": "bill", "pftd": "frequent_outage"}  # initials and what they find first


class Worker:
    """A reviewer who touches nothing but the keyboard, and remembers what was decided."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.made: list[Made] = []
        self.corrections = 0

    def decide(self, how: str = "") -> None:
        """Decide about the ticket at hand: as the model says, or by a number or by the search as something else."""
        seat = self.seat
        blind, note = seat.is_blind, ""
        if blind:
            seat.choose("4", "3")
        elif how == "number":
            seat.press("2")
        elif how == "search":
            seat.look_for(next(typed for typed, cause in _FOUND.items() if cause != seat.form("cause")))
        if how and not blind:
            note = NOTES[self.corrections]
            seat.page.keyboard.type(note)
            self.corrections += 1
        made = Made(
            seat.ticket, seat.reading, BLIND if blind else SHOWN, seat.form("cause"), seat.form("rule"), note
        )  # fmt: skip
        seat.send("Enter")
        assert made.ticket in seat.page.locator("#saved").inner_text()
        self.made.append(made)

    def help(self) -> None:
        """Read the help; while it is open, no key decides."""
        before = self.seat.form("nonce")
        self.seat.press("?")
        assert self.seat.page.locator("#keys").is_visible()
        assert zh.t("desk.keys.undo") in self.seat.page.locator("#keys").inner_text()
        self.seat.press("s", "u", "2")
        assert (self.seat.form("nonce"), self.seat.page.locator("#correction").is_visible()) == (before, False)
        self.seat.press("Escape")
        assert not self.seat.page.locator("#keys").is_visible()

    def undo(self) -> Made:
        """Take the last decision back: its ticket is there again."""
        self.seat.send("u")
        assert self.seat.page.locator("#refused").inner_text() == zh.t("desk.withdrawn")
        withdrawn = self.made.pop()
        assert (self.seat.ticket, self.seat.reading) == (withdrawn.ticket, withdrawn.reading)
        return withdrawn


def test_a_day_at_the_desk(served: Served, seat_for: Callable[..., Seat], tmp_path: Path, taxonomy: Taxonomy) -> None:
    first = users.first_administrator(served.pool, served.settings.access)
    assert first is not None
    one_time = _made_by_the_administrator(seat_for(None), *first)
    seat = seat_for(None)
    seat.page.goto("/")
    seat.type("李复核", "wrong password")
    seat.page.wait_for_selector("[role=alert]")
    assert [message.split("/")[-1] for message in seat.messages] == ["login"]
    seat.messages.clear()
    seat.type(one_time)  # the name is still there, and the focus where it was wrong
    seat.page.wait_for_url("**/password")
    seat.type(one_time, PASSWORDS[1], PASSWORDS[1])
    seat.page.wait_for_url("**/queue")
    seat.page.wait_for_selector("#desk[data-ready]")

    worker = Worker(seat)
    skipped, withdrawn = _thirty_tickets(worker)

    numbers = _read_the_matrix(seat)
    listed, book = _export(seat, tmp_path)
    _assert_kept(served, worker.made, withdrawn, taxonomy)
    assert skipped not in {made.ticket for made in worker.made}
    done = {row.id for row in everything(served.database, readings) if row.status == DONE}
    open_items = {row.item_id for row in everything(served.database, readings) if row.id not in done}
    shown = [made.ticket for made in worker.made if made.kind == SHOWN]
    finished = [made.ticket for made in worker.made if made.kind == BLIND and _item(served, made) not in open_items]
    assert 0 < len(finished) < len(worker.made) - len(shown)
    assert sorted(listed) == sorted(book) == sorted(shown + finished)
    assert numbers == len(listed)
    assert served.pool.read(audit.verify) is None
    assert seat.messages == []
    assert {urlsplit(asked).netloc for asked in seat.requests} == {urlsplit(served.address).netloc}


def _made_by_the_administrator(seat: Seat, name: str, password: str) -> str:
    """Make a reviewer's account and return the password that the page shows."""
    seat.page.goto("/")
    seat.type(name, password)
    seat.page.wait_for_url("**/password")
    seat.type(password, PASSWORDS[0], PASSWORDS[0])
    seat.page.wait_for_url("**/users")
    seat.page.fill(".bar [name=name]", "李复核")
    seat.page.select_option(".bar [name=role]", "reviewer")
    seat.page.click(".bar button")
    shown = seat.page.locator(".secret").inner_text()
    seat.page.reload()  # it was sent, so the browser would send it again: the page says that the name is taken
    assert seat.page.locator("[role=alert]").inner_text() == zh.t("refusal.name_taken")
    assert seat.page.locator(".secret").count() == 0
    return shown


def _thirty_tickets(worker: Worker) -> tuple[str, Made]:
    """Decide about thirty tickets; return the one that was skipped and the decision that was taken back."""
    seat, ways, skipped = worker.seat, ["number", "search", "number", "search"], ""
    withdrawn = None
    while len(worker.made) < 30:
        number = len(worker.made)
        if number == 5 and not skipped:
            skipped = seat.ticket
            seat.send("s")
        if number == 8:
            worker.help()
        worker.decide(ways.pop() if ways and number % 4 == 3 and not seat.is_blind else "")
        if number >= 12 and withdrawn is None and worker.made[-1].kind == SHOWN:
            withdrawn = worker.undo()
            worker.decide("number")
    assert withdrawn is not None
    assert worker.corrections == 5
    return skipped, withdrawn


def _read_the_matrix(seat: Seat) -> int:
    """Look at the tickets behind a cell; return how many tickets all cells hold."""
    seat.page.click("nav a[href='/confusions']")
    cells = seat.page.locator("#matrix tbody td a")
    numbers = [int(text) for text in cells.all_inner_texts()]
    cells.first.click()
    seat.page.wait_for_selector("#tickets")
    assert seat.page.locator("#tickets tbody tr").count() == numbers[0]
    title = seat.page.locator("#tickets tbody a").first.inner_text()
    seat.page.locator("#tickets tbody a").first.click()
    seat.page.wait_for_selector("#decisions")
    assert title in seat.page.locator("h1").inner_text()
    return sum(numbers)


def _export(seat: Seat, folder: Path) -> tuple[list[str], list[str]]:
    """Return the ids on the page of all reviewed tickets, and those in its workbook."""
    seat.page.click("nav a[href='/tickets']")
    seat.page.wait_for_selector("#tickets")
    with seat.page.expect_download() as download:
        seat.page.click("#export")
    download.value.save_as(folder / "tickets.xlsx")
    return seat.page.locator("#tickets tbody a").all_inner_texts(), list(_book(folder / "tickets.xlsx"))


def _book(path: Path) -> dict[str, dict[str, Any]]:
    """Read the tickets of a workbook by their ids; nothing in any of its sheets may be a formula or a link."""
    book = openpyxl.load_workbook(path)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert [cell.coordinate for cell in cells if cell.data_type == "f" or cell.hyperlink] == []
    head, *lines = [[cell.value for cell in row] for row in book.worksheets[-1].iter_rows(min_row=2)]
    rows = [dict(zip(head, line, strict=True)) for line in lines]
    return {row[zh.t("lists.ticket")]: row for row in rows}


def _item(served: Served, made: Made) -> int:
    return next(int(row.item_id) for row in everything(served.database, readings) if row.id == made.reading)


def _assert_kept(served: Served, made: Sequence[Made], withdrawn: Made, taxonomy: Taxonomy) -> None:
    """The database holds these decisions and no others, each with who, before and after."""
    kept = served.decisions()
    superseded = {row.supersedes for row in kept}
    standing = {row.reading_id: row for row in kept if row.id not in superseded and row.action != WITHDRAW}
    assert len(kept) == 32
    assert sorted(standing) == sorted(one.reading for one in made)
    of_withdrawn = [row for row in kept if row.reading_id == withdrawn.reading]
    assert [(row.action, row.cause) for row in of_withdrawn[:2]] == [(CONFIRM, withdrawn.cause), (WITHDRAW, None)]
    assert [row.supersedes for row in of_withdrawn] == [None, of_withdrawn[0].id, of_withdrawn[1].id]
    assert {row.supersedes for row in kept if row not in of_withdrawn} == {None}
    names, model = served.names(), everything(served.database, runs)[0].model
    items = {row.id: row for row in everything(served.database, review_items)}
    said = {row.ticket_id: row for row in everything(served.database, predictions)}
    who = {account.name: account.id for account in served.pool.read(users.accounts)}["李复核"]
    for one in made:
        row, before, item = standing[one.reading], said[one.ticket], items[_item(served, one)]
        assert names[one.reading] == one.ticket
        assert (row.user_id, row.kind, row.model) == (who, one.kind, model)
        assert (row.agent_type, row.agent_cause) == (item.agent_type, item.agent_cause)
        assert (row.model_type, row.model_cause) == (before.type, before.cause)
        assert (row.type, row.cause, row.second_cause) == (taxonomy.cause(one.cause).type_id, one.cause, None)
        assert row.action == (CONFIRM if one.cause == before.cause else CORRECT)
        assert (row.rule, row.note) == (one.rule, one.note)
        assert bool(one.note) == bool(one.rule) == (one.kind == SHOWN and row.action == CORRECT)
    assert [one.note for one in made if one.note] == list(NOTES)


def test_a_usual_ticket_needs_no_scrolling(seat: Seat) -> None:
    found: dict[str, list[int]] = {}

    def measure(state: str) -> None:
        found.setdefault(state, []).append(seat.page.evaluate(HEIGHT))
        assert seat.has_room, state

    while len(found.get("shown", ())) < 8 or len(found.get("blind", ())) < 2:
        measure("blind" if seat.is_blind else "shown")
        if seat.is_blind:
            seat.press("1")  # the type with the most causes
            seat.page.wait_for_selector("#found button")
            measure("blind, type chosen")
            seat.press("2")
            measure("blind, chosen")
        else:
            seat.press("/")
            seat.page.keyboard.type("dian")
            seat.page.wait_for_selector("#found button")
            measure("searching")
            seat.press("ArrowDown", "Enter")
            measure("searched")
            seat.press("Escape", "2")
            measure("correcting")
            seat.page.keyboard.type("客户说的是另一件事")
        seat.send("Enter")
        measure("saved")
    assert {state: max(some) for state, some in found.items() if max(some) > DESKTOP["height"]} == {}
    assert found.keys() == STATES


def test_nothing_sticks_out_at_a_phones_width(served: Served, seat_for: Callable[..., Seat]) -> None:
    lead = add_user(served.pool, "负责人", Role.LEAD)
    scripted(served, add_user(served.pool, "复核员乙", Role.REVIEWER), 40)
    seat = seat_for(lead, PHONE)
    seat.page.goto("/tickets")
    one = seat.page.locator("#tickets tbody a").first.get_attribute("href") or ""
    pages = {path: _fits(seat, path) for path in (*EVERY_PAGE, one)}
    seat.page.goto("/queue")
    for blind in (True, False):
        to_next(seat, blind=blind)
        pages[f"blind {blind}"] = seat.has_room
    seat.press("2")
    pages["correcting"] = seat.has_room
    nobody, administrator = seat_for(None, PHONE), add_user(served.pool, "管理员", Role.ADMINISTRATOR)
    pages["/login"] = _fits(nobody, "/login")
    pages["/users"] = _fits(seat_for(administrator, PHONE), "/users")
    assert [page for page, fits in pages.items() if not fits] == []
    assert len(pages) == 15


def _fits(seat: Seat, path: str) -> bool:
    answer = seat.page.goto(path)
    assert answer is not None
    assert answer.status == (404 if path == "/nowhere" else 200)
    return seat.has_room


def _cut(route: Route) -> None:
    route.abort()


def _fail(route: Route) -> None:
    route.fulfill(status=500, body="no")


def _lose_the_answer(route: Route) -> None:
    route.fetch()
    route.abort()


@pytest.mark.parametrize(("trouble", "kept"), [(_cut, 0), (_fail, 0), (_lose_the_answer, 1)])
def test_a_decision_is_called_saved_only_when_it_is(
    served: Served, seat: Seat, trouble: Callable[[Route], None], kept: int
) -> None:
    reading, note = seat.reading, "客户说的是另一件事"
    seat.page.route("**/decision", trouble)
    seat.page.reload()  # Chromium hands over the requests of pages that it opens from now on
    seat.page.wait_for_selector("#desk[data-ready]")
    seat.press("2")
    seat.page.keyboard.type(note)
    seat.press("Enter")
    seat.page.wait_for_selector("#trouble:not([hidden])")
    assert seat.page.locator("#trouble").inner_text() == zh.t("desk.unsaved")
    assert seat.page.locator("#saved").count() == 0
    assert (seat.reading, seat.form("note")) == (reading, note)
    assert len(served.decisions()) == kept
    seat.page.unroute("**/decision")
    seat.send("Enter")
    assert seat.page.locator("#saved").count() == 1
    assert seat.page.locator("#trouble:not([hidden])").count() == 0
    assert [(row.reading_id, row.note, row.action) for row in served.decisions()] == [(reading, note, CORRECT)]


def test_what_others_have_decided_meanwhile_is_not_kept_twice(served: Served, seat: Seat) -> None:
    reading, ticket = seat.reading, seat.ticket
    other = add_user(served.pool, "复核员乙", Role.REVIEWER)
    past = now() - timedelta(minutes=1)
    served.pool.write(
        lambda connection: connection.execute(
            readings.update().where(readings.c.id == reading).values(taken_until=past, position=-1)
        )
    )
    given = served.desk.take(other)
    assert isinstance(given, Given)
    assert given.reading_id == reading
    answers = []
    seat.page.on("response", lambda answer: answers.append(answer.status))
    seat.send("Enter")
    assert answers == [409]
    assert seat.page.locator("#refused").inner_text() == zh.t("desk.refused.gone")
    assert seat.page.locator("#saved").count() == 0
    assert seat.ticket != ticket
    assert served.decisions() == []
    served.desk.decide(other, reading, Verdict(given.ticket["cause"], None, "", "", "other"))
    seat.send("Enter")
    assert [(row.reading_id == reading, row.user_id == other.id) for row in served.decisions()] == [
        (True, True),
        (False, False),
    ]


def test_whatever_a_ticket_says_stays_text(
    browser: Browser, hostile: Path, tmp_path: Path, tree_model: Path, taxonomy: Taxonomy
) -> None:
    with served_over(hostile, tmp_path, tree_model, taxonomy) as served, seats(browser) as seat_of:
        lead = add_user(served.pool, "负责人", Role.LEAD)
        seat = seat_of(served, lead, DESKTOP)
        kept = {row.ticket_id: row for row in everything(served.database, predictions)}
        assert sorted(kept) == [f"H{number}" for number in range(len(HOSTILE))]
        seen = set(_decided_one_after_another(seat, kept))
        assert seen == set(kept)
        for size in (DESKTOP, PHONE):
            seat.page.set_viewport_size(size)
            for path in (*EVERY_LIST, *(f"/tickets/{row.id}" for row in everything(served.database, review_items))):
                if _is_there(seat, path):
                    assert seat.has_room, path
                    assert seat.page.evaluate(FOREIGN) == []
        assert seat.dialogs == []
        _, listed = _export(seat, tmp_path)
        book = _book(tmp_path / "tickets.xlsx")
        assert sorted(listed) == sorted(kept)
        assert {type(cell) for line in book.values() for cell in line.values()} <= {str, float, int, type(None)}
        for ticket, line in book.items():
            assert line[zh.t("lists.narrative")].lstrip("'") == kept[ticket].narrative
        assert [message for message in seat.messages if "404" not in message] == []


def _decided_one_after_another(seat: Seat, kept: dict[str, Any]) -> Iterator[str]:
    """Decide about everything there is, and look at each ticket before."""
    seat.page.goto("/queue")
    seat.page.wait_for_selector("#desk[data-ready]")
    while seat.page.locator("#decision").count():
        ticket = kept[seat.ticket]
        assert seat.page.locator("#narrative .text").text_content() == ticket.narrative
        if not seat.is_blind:
            assert (seat.page.locator("#narrative .topic").text_content() or "").strip() == ticket.topic
        assert ticket.fields["unit"] in (seat.page.locator(".facts").text_content() or "")
        assert seat.page.evaluate(FOREIGN) == []
        assert seat.has_room
        assert seat.page.evaluate(HEIGHT) <= DESKTOP["height"]
        scrolls = seat.page.evaluate("document.querySelector('#narrative').scrollHeight > innerHeight")
        assert scrolls == (len(ticket.narrative) > 5000)
        if seat.is_blind:
            seat.choose("4", "3")
        yield seat.ticket
        seat.send("Enter")


def _is_there(seat: Seat, path: str) -> bool:
    """Open a page; tickets that somebody has still to read are not there."""
    answer = seat.page.goto(path)
    return answer is not None and answer.status == 200


def test_the_desk_speaks_english(served: Served, seat: Seat, reviewer: User) -> None:
    scripted(served, add_user(served.pool, "复核员乙", Role.REVIEWER), 20)
    assert seat.page.locator("html").get_attribute("lang") == "zh-CN"
    seat.page.click("button[name=language]")
    seat.page.wait_for_selector("html[lang=en]")
    to_next(seat, blind=False)
    assert seat.page.title() == f"{en.t('desk.title')} · {en.t('site.name')}"
    assert en.t("desk.confirm") in seat.page.locator("#confirm").inner_text()
    assert seat.page.locator("#search").get_attribute("placeholder") == en.t("desk.search")
    seat.press("2")
    _assert_english(seat, "h2, legend, .actions, #correction label > input, .facts b, .badge, .left")
    seat.press("Escape", "?")
    _assert_english(seat, "#keys")
    for path in (*EVERY_LIST, "/password"):
        seat.page.goto(path)
        assert seat.page.locator("html").get_attribute("lang") == "en"
        _assert_english(
            seat, "title, h1, h2, .hint, label:not(:has(select)), .bar button, .bar a, th:not(.number, [scope])"
        )


def _assert_english(seat: Seat, selector: str) -> None:
    """All texts that are the desk's own are English; those of the tree and of tickets stay what they are."""
    own = seat.page.locator(f":is(nav a, {selector})").all_text_contents()
    assert len(own) > 5
    assert [text for text in own if CHINESE.search(text)] == []


def test_keys_that_an_input_method_uses_decide_nothing(served: Served, seat: Seat) -> None:
    def state() -> tuple[str, str, bool, str]:
        hidden = not seat.page.locator("#correction").is_visible()
        return seat.form("nonce"), seat.form("cause"), hidden, seat.form("note")

    sent: list[Request] = []
    seat.page.on("request", lambda asked: sent.append(asked))
    before = state()
    seat.page.evaluate(COMPOSE, ["Enter", "2", "s", "u", "?", "/"])
    assert state() == before
    assert not seat.page.locator("#keys").is_visible()
    seat.press("2")
    seat.page.keyboard.type("ke'hu")
    before = state()
    seat.page.evaluate(COMPOSE, ["Enter", "Escape", "1"])
    assert state() == before
    assert seat.page.evaluate("document.activeElement.name") == "note"
    seat.press("Escape", "/")
    seat.page.keyboard.type("pftd")
    seat.page.wait_for_selector("#found button")
    chosen = seat.form("cause")
    seat.page.evaluate(COMPOSE, ["Enter", "ArrowDown", "Escape"])
    assert (seat.form("cause"), seat.page.locator("#search").input_value()) == (chosen, "pftd")
    assert {request.method for request in sent} == {"GET"}
    assert served.decisions() == []
    seat.press("Enter")  # the same key, once nothing is composed any more
    assert seat.form("cause") == "frequent_outage"


def test_a_decision_does_not_wait_for_the_words(served: Served, seat: Seat) -> None:
    served.pool.write(lambda connection: connection.execute(review_items.update().values(evidence=None)))
    held: list[Route] = []
    seat.page.route("**/narrative*", lambda route: held.append(route))  # never answered
    with seat.page.expect_request("**/narrative*"):
        seat.page.reload()
    reading = seat.reading
    seat.send("Enter")
    assert [row.reading_id for row in served.decisions()] == [reading]


def test_the_words_that_carried_an_answer_come_when_they_are_found(served: Served, seat: Seat) -> None:
    item = next(row.item_id for row in everything(served.database, readings) if row.id == seat.reading)
    of_item = review_items.update().where(review_items.c.id == item)
    evidence = {"cause": {"words": [[0, 4]], "reliable": True}, "type": {"words": [], "reliable": True}}
    served.pool.write(lambda connection: connection.execute(of_item.values(evidence=None)))
    seat.page.reload()
    seat.page.wait_for_selector("#desk[data-ready]")
    assert seat.page.locator("mark").count() == 0
    seat.press("2")
    seat.page.keyboard.type("客户说的")
    served.pool.write(lambda connection: connection.execute(of_item.values(evidence=evidence)))
    seat.page.wait_for_selector("mark.cause")
    seat.page.keyboard.type("是另一件事")  # what is being typed is not disturbed
    assert seat.form("note") == "客户说的是另一件事"
    assert seat.page.locator("mark.cause").inner_text() == seat.page.locator("#narrative .text").inner_text()[:4]
