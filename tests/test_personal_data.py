"""No planted identifier may be found in anything that `make nightly`'s job leaves behind or says."""

import csv
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
import yaml

from pipeline.errors import EXIT_PARTIAL, StoreError
from pipeline.nightly import NightlySettings, run_night
from pipeline.settings import CONFIGS, ROOT, load_settings
from pipeline.store.database import Store

PHONES = ("13987654321", "18812349876", "07315556677", "15900001111", "17712345678")
ID_NUMBERS = ("11010519491231002X", "440308199901010012", "430102198505052331")
ACCOUNTS = ("3300112233", "4301998877665", "12345678", "0100998877")
PLANTED = PHONES + ID_NUMBERS + ACCOUNTS

_HEADER = (
    "工单编号", "受理时间", "受理内容", "户号", "户名", "联系电话", "主叫号码", "用电地址", "表号", "台区",
)  # fmt: skip


def _wide(digits: str) -> str:
    return "".join(chr(ord(digit) + 0xFEE0) for digit in digits)


def _spaced(digits: str) -> str:
    return " ".join(digits)


def _grouped(digits: str) -> str:
    return f"{digits[:3]}-{digits[3:7]}-{digits[7:]}"


def _narratives() -> list[str]:
    phone, second, land, third, fourth = PHONES
    first_id, second_id, wrong_id = ID_NUMBERS
    ten, thirteen, eight, zero = ACCOUNTS
    return [
        f"客户来电反映停电，户号{ten}，电话{phone}，请处理。",
        f"【户号{ten}】户号：{thirteen}，联系电话：{_wide(second)}，一直没电",
        f"客户身份证{first_id}办理过户，迟迟未办，户号为 {eight}",
        f"身份证号：{_spaced(second_id)}，报装无人联系",
        f"号码{wrong_id}的客户投诉收费员态度差，回电{_grouped(third)}",
        f"请回拨{land}，客户编号（{zero}）电费翻倍",
        f"电压低，{fourth}，灯暗，{ten}{phone}连写也要处理",
        f"联系方式:{_spaced(phone)} 用户编号 {_wide(thirteen)} 停电",
        f"<p>联系电话&nbsp;{second}</p>台区停电三次",
        f"ID{first_id}、{second_id}，家里没电，{_spaced(ten)}",
    ]


def _rows() -> list[tuple[str, ...]]:
    rows = [
        (
            f"20261101{number:08d}", "2026-11-01 08:00:00", text, ACCOUNTS[number % 4], "欧阳春花", PHONES[number % 5],
            PHONES[(number + 1) % 5], f"幸福路{number}号，户号{ACCOUNTS[0]}", "3340A0012345678", "东风台区",
        )
        for number, text in enumerate(_narratives())
    ]  # fmt: skip
    bad_date = ("2026110100000090", f"昨天{PHONES[0]}", f"电话{PHONES[0]}停电", ACCOUNTS[0], *[""] * 6)
    no_text = ("2026110100000091", "2026-11-01", "", ACCOUNTS[1], "欧阳春花", PHONES[1], *[""] * 4)
    no_id = ("", "2026-11-01", f"户号{ACCOUNTS[0]}停电", *[""] * 7)
    too_long = ("2026110100000092", "2026-11-01", f"电话{PHONES[2]}", *[""] * 7, f"多出的{PHONES[3]}")
    return [*rows, bad_date, no_text, no_id, rows[0], too_long]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    with (inbox / "tickets.csv").open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows([_HEADER, *_rows()])
    with (inbox / "broken.csv").open("w", encoding="utf-8", newline="") as file:
        file.write(f'工单编号,受理内容\n7,"电话{PHONES[0]}没有结束的引号\n8,户号{ACCOUNTS[0]}停电\n')
    book = openpyxl.Workbook()
    for row in [_HEADER, *([f"x{cells[0]}", *cells[1:]] for cells in _rows()[:10])]:
        book.active.append(list(row))
    book.save(inbox / "tickets.xlsx")
    (inbox / "unreadable.csv").write_text(f"没有表头,{PHONES[0]}\n1,{ACCOUNTS[0]}\n", encoding="utf-8")
    content = yaml.safe_load((CONFIGS / "nightly.yaml").read_text(encoding="utf-8"))
    out = tmp_path / "out"
    content |= {
        "source": {"inbox": str(inbox)},
        "database": f"sqlite:///{out}/night.db",
        "pseudonym_key": str(out / "pseudonym.key"),
        "kept_models": {"folder": str(tmp_path / "served"), "count": 1},
        "outputs": {"folder": str(out / "nights"), "answers": ["csv", "xlsx"], "report": True},
    }
    path = tmp_path / "nightly.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def _leaks(data: str) -> list[str]:
    """Find planted identifiers, also with the blanks, dashes and width they were typed with."""
    folded = data.translate({0xFF10 + digit: 0x30 + digit for digit in range(10)})
    folded = "".join(character for character in folded if character not in " -\u3000")
    return [identifier for identifier in PLANTED if identifier in folded]


def test_the_check_itself_finds_what_was_planted(config: Path) -> None:
    data = (config.parent / "inbox" / "tickets.csv").read_text(encoding="gb18030")
    assert sorted(_leaks(data)) == sorted(PLANTED)
    assert _leaks(f"电话{_spaced(PHONES[0])}，{_wide(ACCOUNTS[0])}") == [PHONES[0], ACCOUNTS[0]]


def test_no_planted_identifier_is_stored_logged_or_printed(config: Path) -> None:
    """The job as cron runs it: its own process, with every log message on."""
    code = "import logging; logging.basicConfig(level=logging.DEBUG); from pipeline.cli import app; app()"
    done = subprocess.run(
        [sys.executable, "-c", code, "nightly", "--config", str(config)],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        check=False,
    )  # fmt: skip
    assert done.returncode == EXIT_PARTIAL, done.stderr  # unreadable.csv is reported; the rest was done
    assert "no_header" in done.stderr
    scored, review = re.search(r"= (\d+) scored \+ (\d+) left to review", done.stdout).groups()
    assert int(scored) + int(review) == 21
    assert _leaks(done.stdout + done.stderr) == []
    written = [path for path in (config.parent / "out").rglob("*") if path.is_file()]
    assert "night.db" in [path.name for path in written]
    for path in written:
        assert _leaks(path.read_bytes().decode("utf-8", errors="ignore")) == []


def test_no_planted_identifier_is_in_the_answers_or_rejects_of_score(config: Path, tmp_path: Path) -> None:
    source = config.parent / "inbox" / "tickets.csv"
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "score", str(source), "-o", str(tmp_path / "answers.jsonl"), "--json"],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["scored"] == 10
    for path in (tmp_path / "answers.jsonl", tmp_path / "answers.jsonl.rejects.csv"):
        assert _leaks(path.read_text(encoding="utf-8")) == []
    assert _leaks(done.stdout + done.stderr) == []


def test_an_error_in_the_database_logs_no_identifier(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = load_settings(config, NightlySettings)
    store = Store.exclusive(settings.database, settings.retry)
    trigger = "CREATE TRIGGER refuse BEFORE INSERT ON predictions BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
    store.run(lambda connection: connection.exec_driver_sql(trigger))
    store.close()
    with caplog.at_level(logging.DEBUG), pytest.raises(StoreError, match="disk is full") as caught:
        run_night(settings)
    assert _leaks(str(caught.value) + caplog.text) == []
