"""Reviewers at a desk: what they send over HTTP, what they saw kept, and whether the database says the same.

Shared by benchmarks/review.py and tests/review/test_load.py. They talk with the client of the standard library, which
costs little: they work on the same cores as the desk.
"""

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection
from urllib.parse import urlencode

import sqlalchemy as sa

from pipeline.review import audit, passwords
from pipeline.review.access import Role
from pipeline.review.clock import now
from pipeline.review.verdicts import effective
from pipeline.store.review import DONE, WITHDRAW, decisions, readings, users
from pipeline.store.review import audit as audit_log

PASSWORD = "correct horse battery"
_LEADS = 4  # one in so many is a lead, who may see the figures, too
_TIMEOUT = 120  # seconds; a page takes a fraction of one
_SKIP, _UNDO, _TWICE, _LOOK, _CORRECT = 20, 20, 50, 20, 4  # one time in so many, each
_FORM = re.compile(r'hx-post="/readings/(\d+)/decision" data-suggested="(\w*)"')
_NONCE = re.compile(r'name="nonce" value="([^"]+)"')
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Person:
    """Who has an account, with PASSWORD."""

    id: int
    name: str
    role: Role


@dataclass(slots=True)
class Seen:
    """What people saw: decisions kept, by the number of their form, those taken back again, and page times."""

    kept: dict[str, tuple[int, int]] = field(default_factory=dict)  # whose, about which reading
    withdrawn: list[str] = field(default_factory=list)
    times: list[tuple[str, float]] = field(default_factory=list)  # route, seconds
    seconds: float = 0.0  # from the first page to the last


class Ration:
    """Decisions that all together have still to make. Safe between threads."""

    def __init__(self, left: int) -> None:
        self._left = left
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take one; False if there is none left."""
        with self._lock:
            if self._left == 0:
                return False
            self._left -= 1
            return True

    def give_back(self) -> None:
        """Give one back, as a decision was withdrawn."""
        with self._lock:
            self._left += 1


def hire(address: str, number: int) -> list[Person]:
    """Make accounts; one of four is a lead's."""
    kept = passwords.hashed(PASSWORD)
    people = []
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for at in range(number):
            name, role = f"reader-{at + 1}", Role.LEAD if at % _LEADS == 0 else Role.REVIEWER
            made = users.insert().values(
                name=name, password_hash=kept, role=role.value, active=True, must_change=False, failures=0,
                created_at=now(),
            )  # fmt: skip
            people.append(Person(connection.execute(made.returning(users.c.id)).scalar_one(), name, role))
    return people


def work(port: int, people: Sequence[Person], wanted: int, causes: Sequence[str], think: float = 0.0) -> Seen:
    """Let people review at once until `wanted` decisions stand, and return what all of them saw.

    `think`: the seconds that a person takes for each ticket. Raises if any page is not what was expected.
    """
    ration = Ration(wanted)
    desks = [_Reviewer(port, person, ration, causes, think) for person in people]
    try:
        with ThreadPoolExecutor(len(people)) as threads:
            list(threads.map(_Reviewer.log_in, desks))
            started = time.monotonic()
            list(threads.map(_Reviewer.review, desks))
            seconds = time.monotonic() - started
    finally:
        for desk in desks:
            desk.close()
    seen = merged([desk.seen for desk in desks])
    seen.seconds = seconds
    return seen


def merged(several: Sequence[Seen]) -> Seen:
    """Return all that was seen, as one."""
    seen = Seen()
    for one in several:
        seen.kept |= one.kept
        seen.withdrawn += one.withdrawn
        seen.times += one.times
        seen.seconds += one.seconds
    return seen


class _Reviewer:
    """One person with a browser of the simplest kind."""

    def __init__(self, port: int, person: Person, ration: Ration, causes: Sequence[str], think: float) -> None:
        self._line = HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
        self._person, self._ration, self._causes, self._think = person, ration, causes, think
        self._chance = random.Random(person.id)
        self._cookies: dict[str, str] = {}
        self._csrf = ""
        self._made: list[tuple[str, str]] = []  # nonce and reading of the own decisions that stand
        self.seen = Seen()

    def log_in(self) -> None:
        """Open a session, as a person does."""
        (self._csrf,) = _found(_CSRF, self._ask("GET", "/login")[1])
        form = {"csrf": self._csrf, "name": self._person.name, "password": PASSWORD}
        status, page = self._ask("POST", "/login", form)
        _require(status == HTTPStatus.SEE_OTHER, "/login", status, page)

    def review(self) -> None:
        """Take tickets until there is nothing left to decide."""
        page = self._get("/queue")
        (self._csrf,) = _found(_CSRF, page)
        while self._ration.take():
            if self._think:
                time.sleep(self._chance.uniform(0.5, 1.5) * self._think)
            if self._one_in(_LOOK):
                lists = ["/tickets", "/confusions"] + ["/quality"] * (self._person.role is Role.LEAD)
                self._get(self._chance.choice(lists))
            page = self._next(page)

    def close(self) -> None:
        """Close the browser."""
        self._line.close()

    def _next(self, page: str) -> str:
        """Skip, take back or decide, with the one decision that the ration gave, and return the page after that."""
        reading, suggested = _found(_FORM, page)
        if self._one_in(_SKIP):
            self._ration.give_back()
            return self._post("/readings/{}/skip", reading)
        if self._made and self._one_in(_UNDO):
            page = self._post("/undo")
            nonce, before = self._made.pop()
            _require(_found(_FORM, page)[0] == before, "/undo", HTTPStatus.OK, page)
            self.seen.withdrawn.append(nonce)
            self._ration.give_back()  # the one it was made with
            self._ration.give_back()  # and the one that was taken for this step
            return page
        return self._decide(page, reading, suggested)

    def _decide(self, page: str, reading: str, suggested: str) -> str:
        corrects = not suggested or self._one_in(_CORRECT)
        (nonce,) = _found(_NONCE, page)
        form = {
            "nonce": nonce,
            "cause": self._chance.choice(self._causes) if corrects else suggested,
            "second_cause": "",
            "rule": "第一条" if corrects else "",
            "note": "客户说的是另一件事" if corrects else "",
        }
        for _ in range(2 if self._one_in(_TWICE) else 1):  # an impatient person's Enter, or a line that broke
            page = self._post("/readings/{}/decision", reading, form)
            _require('id="saved"' in page, "decision", HTTPStatus.OK, page)
        self.seen.kept[nonce] = (self._person.id, int(reading))
        self._made.append((nonce, reading))
        return page

    def _one_in(self, number: int) -> bool:
        return self._chance.randrange(number) == 0

    def _get(self, path: str) -> str:
        return self._timed("GET", path, path, None)

    def _post(self, route: str, reading: str = "", form: Mapping[str, str] | None = None) -> str:
        return self._timed("POST", route, route.format(reading), form or {})

    def _timed(self, method: str, route: str, path: str, form: Mapping[str, str] | None) -> str:
        started = time.monotonic()
        status, page = self._ask(method, path, form)
        self.seen.times.append((f"{method} {route.format('…')}", time.monotonic() - started))
        _require(status == HTTPStatus.OK, path, status, page)
        return page

    def _ask(self, method: str, path: str, form: Mapping[str, str] | None = None) -> tuple[int, str]:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            if path != "/login":
                headers |= {"HX-Request": "true", "X-CSRF-Token": self._csrf}
        self._line.request(method, path, None if form is None else urlencode(form), headers)
        answer = self._line.getresponse()
        content = answer.read().decode()
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, value = cookie.split(";", 1)[0].split("=", 1)
            self._cookies[name] = value.strip('"')
        return answer.status, content


def _found(pattern: re.Pattern[str], page: str) -> Sequence[str]:
    match = pattern.search(page)
    if match is None:
        raise RuntimeError(f"no {pattern.pattern} in: {page[:2000]}")
    return match.groups()


def _require(holds: bool, what: str, status: int, page: str) -> None:
    if not holds:
        raise RuntimeError(f"{what} answered {status}: {page[:2000]}")


def compare(address: str, seen: Seen, wanted: int) -> list[str]:
    """Return what is wrong with the decisions in a database after people worked there: lost, doubled, unchained."""
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(decisions)).all()
        stands = connection.execute(sa.select(effective("standing"))).all()
        looks = connection.execute(sa.select(readings).where(readings.c.status == DONE)).all()
        logged = Counter(connection.scalars(sa.select(audit_log.c.action)))
        broken = audit.verify(connection)
    kept = {row.nonce: (row.user_id, row.reading_id) for row in rows if row.action != WITHDRAW}
    withdrawals = len(rows) - len(kept)
    standing = {nonce: seen.kept[nonce] for nonce in seen.kept.keys() - set(seen.withdrawn)}
    checks = {
        f"{len(stands)} decisions stand, not {wanted}": len(stands) == wanted,
        "the database holds other decisions than people saw kept": kept == seen.kept,
        "other decisions stand than people left standing": {row.nonce for row in stands} == standing.keys(),
        "not as many are withdrawn as people took back": withdrawals == len(seen.withdrawn),
        "a reading has two decisions that stand": len({row.reading_id for row in stands}) == len(stands),
        "somebody decided twice about a ticket": len({(row.user_id, row.item_id) for row in stands}) == len(stands),
        "a finished reading is not its decider's": {(row.user_id, row.id) for row in looks} == set(standing.values()),
        "the audit log counts otherwise": (
            (logged["decision"], logged["decision_withdrawn"]) == (len(kept), withdrawals)
        ),
        f"the audit log is broken at {broken}": broken is None,
    }
    return [wrong for wrong, holds in checks.items() if not holds]
