"""Pictures have the right marks, and texts that the font can draw."""

import warnings
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.text import Text

import pipeline
from pipeline.taxonomy import Taxonomy
from pipeline.workbench import Predictions, pictures
from pipeline.workbench.pictures import Picture


def _shown(figure: Picture) -> tuple[bytes, set[str]]:
    """Draw a figure; a character without a glyph is a warning, and warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return figure._repr_png_(), {text.get_text() for text in figure.findobj(Text)}


@pytest.fixture
def no_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "chinese_font", lambda: None)


def test_words_are_bars_with_chinese_names(taxonomy: Taxonomy) -> None:
    if pictures.chinese_font() is None:
        pytest.skip("there is no font with Chinese characters here")
    png, texts = _shown(pipeline.plot(pd.Series(["service", "service", "outage"], name="type"), taxonomy))
    assert png.startswith(b"\x89PNG")
    assert {"服务投诉", "停送电投诉", "type"} <= texts


def test_without_a_font_the_ids_stand_there(taxonomy: Taxonomy, no_chinese: None) -> None:
    _, texts = _shown(pipeline.plot(pd.Series(["service", "东所"], name="unit"), taxonomy))
    assert "service" in texts
    assert all(text.isascii() or text == "\N{MINUS SIGN}" for text in texts)


def test_numbers_and_times_are_drawn_too() -> None:
    figure = pipeline.plot(pd.Series([1.0, 2.0, 2.5], name="characters"))
    assert sum(patch.get_height() for patch in figure.axes[0].patches) == 3
    days = pipeline.plot(
        pd.Series(pd.to_datetime(["2026-10-01 08:00", "2026-10-01 09:00", "2026-10-03 00:00"]), name="day")
    )
    assert [patch.get_height() for patch in days.axes[0].patches] == [2, 1]
    with pytest.raises(ValueError, match="nothing to draw"):
        pipeline.plot(pd.Series([None, None], name="empty"))


def test_results_draw_themselves(predictions: Predictions) -> None:
    confusion = pipeline.evaluate(predictions).plot()
    assert len(confusion.axes) == 2
    assert "96 rows" in confusion.axes[1].get_title()
    doubts = pipeline.label_errors(predictions)
    curve = doubts.plot(seconds=3600).axes[0].lines[0]
    assert curve.get_xdata()[-1] == 96
    assert curve.get_ydata()[-1] == pytest.approx(doubts.cost(96).expected)
    parts = pipeline.slices(predictions, "length").plot()
    assert [label.get_text() for label in parts.axes[0].get_yticklabels()] == ["0-50 (96)"]
    for figure in (confusion, doubts.plot(), parts):
        assert _shown(figure)[0].startswith(b"\x89PNG")


def test_pictures_stay_small(predictions: Predictions) -> None:
    assert len(_shown(pipeline.evaluate(predictions).plot())[0]) < 60_000


def test_a_picture_tells_nothing_of_the_program_that_made_it(predictions: Predictions, tmp_path: Path) -> None:
    assert b"matplotlib" not in _shown(pipeline.evaluate(predictions).plot())[0]
