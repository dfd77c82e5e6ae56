"""Run a night on the demo export and take the pictures in docs/: of its report, and of the review desk over it.

    python docs/screenshots.py            (or: make screenshots)

Takes some minutes: the shipped model reads 2,000 tickets first, and explains those of the review queue.
"""

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import uvicorn
import yaml
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from pipeline.nightly import NightlySettings, run_night
from pipeline.review import users
from pipeline.review.access import Role, User
from pipeline.review.clock import now
from pipeline.review.desk import Desk, Given, Verdict
from pipeline.review.screen import clause_of
from pipeline.review.serve import Opened, opened
from pipeline.review.settings import ReviewSettings
from pipeline.settings import CONFIGS, load_settings
from pipeline.store.review import BLIND
from pipeline.taxonomy import Taxonomy

HERE = Path(__file__).parent
# Name: width and height of the window, pixels per point, and the section that the picture ends with.
SHOTS = {"desktop": (1366, 768, 1, "urban_rural"), "phone": (390, 844, 2, "focus")}
COLOURS = 128  # enough for a page without photographs, and a tenth of the file
FEWER = 64  # for the desk's pages, of which there are many
MARGIN = 24  # points below the last section

DESKTOP, PHONE = ViewportSize(width=1366, height=768), ViewportSize(width=390, height=844)
PASSWORD = "correct horse battery"  # of accounts that end with the scratch folder
REVIEWERS = {"陈静": 90, "王强": 40}  # who decides about how many tickets before the pictures are taken
CORRECTED_EVERY = 7  # a correction where the agent says otherwise, or else the model's second choice
STEPS = 9  # of the worker: the words of 180 tickets, more than the pictures come to
READY = "#desk[data-ready]"


def main() -> None:
    """Run the night in a scratch folder and photograph what it leaves."""
    with tempfile.TemporaryDirectory() as scratch:
        night = run_night(_settings(Path(scratch)))
        page = next(path for path in night.files if path.suffix == ".html")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for name in SHOTS:
                _shoot(browser, page, name)
            shoot_desk(browser, Path(scratch))
            browser.close()


def _settings(scratch: Path) -> NightlySettings:
    """Return the shipped configuration with everything that a night writes in a folder of its own."""
    content = yaml.safe_load((CONFIGS / "nightly.yaml").read_text(encoding="utf-8"))
    content["database"] = f"sqlite:///{scratch}/night.db"
    content["pseudonym_key"] = str(scratch / "pseudonym.key")
    content["kept_models"]["folder"] = str(scratch / "served")
    content["outputs"]["folder"] = str(scratch / "nights")
    (scratch / "nightly.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return load_settings(scratch / "nightly.yaml", NightlySettings)


def _shoot(browser: Browser, page: Path, name: str) -> None:
    width, height, scale, last = SHOTS[name]
    opened = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=scale)
    opened.goto(page.as_uri())
    end = opened.evaluate("id => document.getElementById(id).getBoundingClientRect().bottom", last) + MARGIN
    picture = opened.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": width, "height": end})
    opened.close()
    _keep(picture, f"report-{name}", COLOURS)


def _keep(picture: bytes, name: str, colours: int) -> None:
    target = HERE / f"{name}.png"
    Image.open(BytesIO(picture)).convert("RGB").quantize(colours, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"{target}: {target.stat().st_size / 1000:.0f} kB")


def shoot_desk(browser: Browser, scratch: Path) -> None:
    """Fill the desk, let some people work at it, and photograph its pages."""
    settings = ReviewSettings.load().model_copy(update={"nightly": scratch / "nightly.yaml"})
    with opened(settings) as desk, _serving(desk) as address:
        for _ in range(STEPS):
            desk.worker.step()
        _work(desk, settings)
        lead = _account(desk, settings, "李主任", Role.LEAD)
        administrator = _account(desk, settings, "admin", Role.ADMINISTRATOR)
        context = browser.new_context(viewport=DESKTOP, base_url=address)
        _desk_pages(context, lead)
        context.close()
        context = browser.new_context(viewport=DESKTOP, base_url=address)
        _log_in(context.new_page(), administrator)
        _picture(context.pages[0], "users")
        context.close()
        context = browser.new_context(viewport=PHONE, base_url=address, device_scale_factor=1.5)
        page = context.new_page()
        _log_in(page, lead)
        page.goto("/queue")
        _until(page, blind=False)
        _picture(page, "phone", full_page=True)
        context.close()


def _desk_pages(context: BrowserContext, lead: User) -> None:
    page = context.new_page()
    page.goto("/login")
    _picture(page, "login")
    _log_in(page, lead)
    page.goto("/queue")
    _until(page, blind=True)
    page.keyboard.press("4")
    page.wait_for_selector("#found button")
    page.keyboard.press("3")
    _picture(page, "blind")
    _send(page, "Enter")
    _until(page, blind=False)
    _picture(page, "queue")
    page.keyboard.press("2")
    page.keyboard.type(f"客户主要投诉的是{page.locator('#chosen').inner_text().split('/')[-1].strip()}")
    _picture(page, "correction")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.keyboard.press("/")
    page.keyboard.type("td")
    page.wait_for_selector("#found button")
    page.keyboard.press("ArrowDown")
    _picture(page, "search")
    for name in ("tickets", "confusions", "units", "weeks", "quality", "audit"):
        page.goto(f"/{name}")
        _picture(page, name)
    page.goto("/tickets?wrong=1")
    page.locator("#tickets tbody a").first.click()
    page.wait_for_selector("#decisions")
    _picture(page, "ticket")


def _picture(page: Page, name: str, *, full_page: bool = False) -> None:
    _keep(page.screenshot(full_page=full_page), f"review-{name}", FEWER)


def _log_in(page: Page, user: User) -> None:
    page.goto("/login")
    page.fill("[name=name]", user.name)
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: not address.endswith("/login"))


def _until(page: Page, *, blind: bool) -> None:
    """Skip tickets until one is of this kind; with a suggestion, until it has marked words, neighbours and rules."""
    wanted = (
        ".ticket.blind" if blind else ".ticket:not(.blind):has(mark.cause):has(.rules):has(.near a):has([data-key='4'])"
    )
    page.wait_for_selector(READY)
    while page.locator(wanted).count() == 0:
        _send(page, "s")


def _send(page: Page, key: str) -> None:
    before = page.locator("#decision [name=nonce]").input_value()
    page.keyboard.press(key)
    page.wait_for_selector(f"{READY} [name=nonce]:not([value='{before}'])", state="attached")


@contextmanager
def _serving(desk: Opened) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(desk.app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def _account(desk: Opened, settings: ReviewSettings, name: str, role: Role) -> User:
    """Make an account with PASSWORD."""
    once = users.create(desk.pool, None, name, role, settings.access)
    number = next(account.id for account in desk.pool.read(users.accounts) if account.name == name)
    user = User(number, name, role, must_change=False)
    users.change_password(desk.pool, user, once, PASSWORD, settings.access, now())
    return user


def _work(desk: Opened, settings: ReviewSettings) -> None:
    """Let the reviewers decide, each a little faster than people do; the second one reads what the first one read."""
    taxonomy = desk.worker.filler.taxonomy
    clock = _Clock()
    queue = Desk(desk.pool, taxonomy, timedelta(minutes=settings.queue.lease_minutes), clock)
    for name, most in REVIEWERS.items():
        user = _account(desk, settings, name, Role.REVIEWER)
        for number in range(most):
            given = queue.take(user)
            if given is None:
                break
            clock.go()
            queue.decide(user, given.reading_id, _verdict(given, taxonomy, number, f"{user.id}-{number}"))


class _Clock:
    """Tells a time that goes on between two decisions and ends about now."""

    def __init__(self) -> None:
        self.at = now() - timedelta(seconds=25 * sum(REVIEWERS.values()))

    def __call__(self) -> datetime:
        return self.at

    def go(self) -> None:
        self.at += timedelta(seconds=20)


def _verdict(given: Given, taxonomy: Taxonomy, number: int, nonce: str) -> Verdict:
    said = given.ticket["cause"]
    others = [cause for cause in (given.agent_cause, *_alternatives(given)) if cause and cause != said]
    if number % CORRECTED_EVERY or not others:
        return Verdict(said, None, "", "", nonce)
    cause = taxonomy.cause(others[0])
    if given.kind == BLIND:
        return Verdict(cause.id, None, "", "", nonce)
    note = f"客户主要说的是{cause.name}，{taxonomy.cause(said).name}只是顺带提到"
    return Verdict(cause.id, None, clause_of(cause, taxonomy), note, nonce)


def _alternatives(given: Given) -> Sequence[str]:
    return [cause for cause, _ in given.ticket["alternatives"]]


if __name__ == "__main__":
    main()
