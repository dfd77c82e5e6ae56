"""configs/watch.yaml."""

from datetime import date
from pathlib import Path

import pytest
import yaml

from pipeline.errors import ConfigError
from pipeline.nightly.watch import WatchSettings
from pipeline.nightly.watch.settings import DEFAULT_PATH


def test_the_shipped_file_is_complete_and_has_no_event() -> None:
    assert WatchSettings.load().events == ()


def test_its_commented_events_can_be_taken_as_they_are() -> None:
    lines = DEFAULT_PATH.read_text(encoding="utf-8").splitlines()
    start = lines.index("# events:")
    examples = yaml.safe_load("\n".join(line.removeprefix("# ") for line in lines[start:-1]))
    content = yaml.safe_load(DEFAULT_PATH.read_text(encoding="utf-8")) | examples
    settings = WatchSettings.model_validate(content)
    assert [event.name for event in settings.events] == ["台风", "电价调整", "抄表周期", "春节"]
    assert settings.events[0].covers(date(2026, 7, 26))
    assert not settings.events[0].covers(date(2026, 7, 27))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"events": [{"name": "台风", "from": "2026-07-26", "to": "2026-07-21", "note": ""}]}, "`to` is before `from`"),
        ({"events": [{"name": "台风", "from": "2026-07-26", "note": ""}]}, "to: Field required"),
        ({"day_rows": 2}, "each fold needs a text"),
        ({"level": 1.0}, "level"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    content = yaml.safe_load(DEFAULT_PATH.read_text(encoding="utf-8")) | changes
    path = tmp_path / "watch.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        WatchSettings.load(path)
