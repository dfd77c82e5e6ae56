"""The page in a real browser, at a desktop's and at a phone's width."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from pipeline.nightly.report import night_report, write_report
from pipeline.taxonomy import Taxonomy

from .conftest import Nights, Row, a_published_month, a_ticket
from .test_watch_section import a_watch

SIZES = {"desktop": ViewportSize(width=1366, height=768), "phone": ViewportSize(width=390, height=844)}
LONG = "城关供电所" * 30
# What a reader sees: every element that holds text itself, with its size, colours and place.
TEXTS = """() => [...document.querySelectorAll("body *")].filter(element =>
    [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())
    && getComputedStyle(element).visibility === "visible" && element.getClientRects().length
).map(element => {
    let behind = element, background = "rgba(0, 0, 0, 0)";
    while (behind && background === "rgba(0, 0, 0, 0)") {
        background = getComputedStyle(behind).backgroundColor;
        behind = behind.parentElement;
    }
    const style = getComputedStyle(element);
    return {text: element.textContent.trim().slice(0, 30), size: parseFloat(style.fontSize), color: style.color,
            background: background === "rgba(0, 0, 0, 0)" ? "rgb(255, 255, 255)" : background,
            axis: !!element.closest(".axis")};
})"""
BOXES = """selector => [...document.querySelectorAll(selector)].map(element => {
    const box = element.getBoundingClientRect();
    const visible = getComputedStyle(element).visibility === "visible" && getComputedStyle(element).display !== "none";
    return {left: box.left, right: box.right, top: box.top, bottom: box.bottom, width: box.width, height: box.height,
            text: element.textContent.trim(), visible: visible && box.width > 0,
            cut: element.scrollWidth > element.clientWidth + 1};
})"""
# Two characters look the same only where the font has neither.
GLYPHS = """() => ["电", "频"].map(character => {
    const canvas = document.createElement("canvas");
    const pen = canvas.getContext("2d");
    pen.font = "40px " + getComputedStyle(document.body).fontFamily;
    pen.fillText(character, 20, 60);
    return canvas.toDataURL();
})"""


@dataclass(slots=True)
class Visit:
    """A page that was opened, with everything it said and asked for."""

    page: Page
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def boxes(self, selector: str) -> list[dict[str, Any]]:
        return [box for box in self.page.evaluate(BOXES, selector) if box["visible"]]


@pytest.fixture(scope="module")
def report_page(tmp_path_factory: pytest.TempPathFactory, taxonomy: Taxonomy) -> Path:
    """A night with everything in it: all sections, comparisons, long names, tickets near a limit."""
    folder = tmp_path_factory.mktemp("browser")
    nights = Nights(f"sqlite:///{folder}/nights.db")
    nights.add([a_ticket(f"y{number}", "2025-10-20 08:00") for number in range(31)], started="2025-11-02 02:00")
    handled = [_handled(number) for number in range(60)]
    near = [
        a_ticket(f"near {number}", "2026-10-31 08:00", unit=LONG, transformer_area=LONG, customer="same",
                 route="review", reasons=["low_confidence"], answer="none")
        for number in range(3)
    ]  # fmt: skip
    night = nights.add([*a_published_month(taxonomy), *handled, *near], rejected=["bad_date", "missing_id"])
    written = write_report(nights.read(night_report, night, taxonomy), folder / "report", a_watch())
    nights.engine.dispose()
    return written.page


def _handled(number: int) -> Row:
    """Return a ticket of the middle of October that was sent on, talked about and closed, each after another time."""
    day = 10 + number // 6
    return a_ticket(
        f"handled {number}",
        f"2026-10-{day} 08:00",
        urban_rural=("城区", "农村", "偏远山区")[number % 3],
        dispatched_at=f"2026-10-{day} 08:20:00",
        contacted_at=f"2026-10-{day} 1{number % 9}:00:00",
        closed_at=f"2026-10-{day + number % 5} 19:00:00",
        agent_type="停送电投诉",
    )


@pytest.fixture(params=SIZES)
def visit(request: pytest.FixtureRequest, browser: Browser, report_page: Path) -> Iterator[Visit]:
    page = browser.new_page(viewport=SIZES[request.param])
    found = Visit(page)
    page.on("console", lambda message: found.messages.append(message.text))
    page.on("pageerror", lambda error: found.messages.append(str(error)))
    page.on("request", lambda asked: found.requests.append(asked.url))
    page.goto(report_page.as_uri())
    yield found
    page.close()


def test_the_page_says_nothing_to_the_console_and_asks_for_nothing(visit: Visit, report_page: Path) -> None:
    assert visit.messages == []
    assert visit.requests == [report_page.as_uri()]
    assert "95598 投诉工单夜报" in visit.page.title()


def test_only_tables_scroll_sideways(visit: Visit) -> None:
    width, room = visit.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width <= room
    tables = visit.boxes(".scroll")
    assert len(tables) > 15
    assert [box for box in tables if box["left"] < 0 or box["right"] > room] == []


def test_every_chart_is_there_and_large_enough_to_read(visit: Visit) -> None:
    room = visit.page.evaluate("document.documentElement.clientWidth")
    charts = visit.boxes(".chart")
    assert len(charts) == 4  # types, hours, town and country, stages
    assert [box for box in charts if box["width"] < 0.7 * room or box["height"] < 80 or box["right"] > room] == []
    assert max(box["width"] for box in visit.boxes(".bars .room span")) > 100
    assert max(box["height"] for box in visit.boxes(".pile span")) > 80
    assert len(visit.boxes(".pile")) == 24
    assert max(box["width"] for box in visit.boxes(".boxes .box")) > 40


def test_nothing_in_a_chart_overlaps_or_is_cut(visit: Visit) -> None:
    for selector in (".bars .text", ".bars .name", ".boxes .name", ".card .value", ".card .label", "h1", "h2"):
        boxes = visit.boxes(selector)
        assert boxes, selector
        assert [box["text"] for box in boxes if box["cut"]] == [], selector
    for selector in (".axis span", ".pile.marked b", ".boxes .ticks span", ".card"):
        assert _overlapping(visit.boxes(selector)) == [], selector


def test_every_word_is_large_and_dark_enough(visit: Visit) -> None:
    texts = visit.page.evaluate(TEXTS)
    assert len(texts) > 300
    assert [text for text in texts if text["size"] < (10 if text["axis"] else 12)] == []
    assert {text["text"] for text in texts if _contrast(text["color"], text["background"]) < 4.5} == set()


def test_chinese_characters_have_glyphs(visit: Visit) -> None:
    first, second = visit.page.evaluate(GLYPHS)
    assert first != second, "no font has Chinese characters: run `make browser`"


def test_links_lead_to_their_sections(visit: Visit) -> None:
    for link in visit.page.locator("nav a").all():
        target = link.get_attribute("href")
        assert visit.page.locator(f"section{target}").count() == 1


def _overlapping(boxes: list[dict[str, Any]]) -> list[tuple[str, str]]:
    def touch(one: dict[str, Any], other: dict[str, Any]) -> bool:
        across = min(one["right"], other["right"]) - max(one["left"], other["left"])
        down = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
        return across > 1 and down > 1

    return [
        (one["text"], other["text"]) for at, one in enumerate(boxes) for other in boxes[at + 1 :] if touch(one, other)
    ]


def _contrast(color: str, background: str) -> float:
    """Return the contrast ratio of two CSS colours as WCAG 2 defines it; 4.5 is its least for text."""
    light, dark = sorted((_luminance(color), _luminance(background)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    channels = [int(part) / 255 for part in color.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
