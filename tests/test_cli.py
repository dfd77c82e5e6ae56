import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import app
from pipeline.settings import ROOT

_NIGHTLY = (sys.executable, "-m", "pipeline", "nightly", "--config")


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text("工单编号,受理内容\nA1,近两个月停电五次\nA2,\nA3,收费员态度恶劣\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "command", [[], ["score"], ["nightly"], ["train"], ["evaluate"], ["explain"], ["taxonomy"], ["lexicon"], ["corpus"]]
)
def test_help_is_there_for_every_command(command: list[str]) -> None:
    result = _run(*command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_score_prints_a_table_and_writes_both_files(tickets: Path, tmp_path: Path) -> None:
    result = _run("score", tickets, "-o", tmp_path / "out.csv")
    assert result.exit_code == 0, result.output
    assert "供电质量投诉" in result.output
    assert "missing_text" in result.output
    assert "2 tickets" in result.output
    assert (tmp_path / "out.csv").exists()
    assert (tmp_path / "out.csv.rejects.csv").exists()


def test_score_json_is_one_object_and_nothing_else(tickets: Path, tmp_path: Path) -> None:
    summary = json.loads(_run("score", tickets, "-o", tmp_path / "out.csv", "--json").stdout)
    assert (summary["read"], summary["scored"], summary["rejects"]) == (3, 2, {"missing_text": 1})


def test_strict_exits_with_two_when_rows_were_rejected_and_with_zero_when_none_was(
    tickets: Path, tmp_path: Path
) -> None:
    assert _run("score", tickets, "-o", tmp_path / "out.csv", "--strict").exit_code == 2
    tickets.write_text("工单编号,受理内容\nA1,近两个月停电五次\n", encoding="utf-8")
    assert _run("score", tickets, "-o", tmp_path / "out.csv", "--strict").exit_code == 0


def test_an_expected_error_is_one_line_with_its_code_and_a_status_of_its_kind(tmp_path: Path) -> None:
    result = _run("score", tmp_path / "none.csv", "-o", tmp_path / "out.csv")
    assert result.exit_code == 6
    assert result.stderr.startswith("file_missing: 找不到文件")
    assert len(result.stderr.splitlines()) == 1
    result = _run("score", tmp_path / "none.csv", "-o", tmp_path / "out.csv", "--model", tmp_path)
    assert result.exit_code == 4
    assert result.stderr.startswith("model_missing")


def test_no_progress_bar_in_a_log(tickets: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "score", str(tickets), "-o", str(tmp_path / "out.csv")],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


@pytest.mark.filterwarnings("ignore")  # MLflow warns of its own code
def test_train_and_evaluate_work_on_any_two_level_tree(
    linear_config: Path, small_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    result = _run("train", "--config", linear_config, "--output", tmp_path / "model")
    assert result.exit_code == 0, result.output
    assert "model written to" in result.output
    # The shipped taxonomy is not the one this model was made for.
    refused = _run("evaluate", "--data", small_corpus, "--model", tmp_path / "model")
    assert refused.exit_code == 4
    assert refused.stderr.startswith("model_taxonomy")


def test_evaluate_prints_the_figures_of_the_contract(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "text": "近两个月停电五次", "cause": "frequent_outage"},
        {"id": "2", "text": "态度差", "type": "service"},
    ]
    data = tmp_path / "labelled.jsonl"
    data.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    figures = json.loads(_run("evaluate", "--data", data, "--json").stdout)
    contract = {"n", "type_macro_f1", "type_accuracy", "cause_macro_f1", "cause_accuracy", "ece", "coverage"}
    assert contract <= set(figures)
    assert (figures["n"], figures["n_cause"]) == (2, 1)
    assert "type_accuracy" in _run("evaluate", "--data", data, "--min-support", "1").output


def test_taxonomy_check_names_file_line_and_reason(tmp_path: Path) -> None:
    assert _run("taxonomy", "check").exit_code == 0
    broken = tmp_path / "tree.yaml"
    broken.write_text('version: "1"\ntypes:\n- id: a\n  zh: 甲\n  causes:\n  - {id: b}\n', encoding="utf-8")
    result = _run("taxonomy", "check", "--file", broken)
    assert result.exit_code == 1
    assert f"{broken}:6: missing_name: cause 'b' has no name; add `zh`" in result.output


def test_lexicon_check_names_errors_and_the_tickets_a_word_cuts_anew(tmp_path: Path, tickets: Path) -> None:
    assert _run("lexicon", "check").exit_code == 0
    lexicon = tmp_path / "lexicon.txt"
    lexicon.write_text("月停电 100000\n", encoding="utf-8")
    result = _run("lexicon", "check", "--lexicon", lexicon, "--data", tickets)
    assert result.exit_code == 0
    assert "月停电" in result.output
    assert "A1" in result.output
    lexicon.write_text("台区 1\n", encoding="utf-8")
    result = _run("lexicon", "check", "--lexicon", lexicon)
    assert (result.exit_code, "too_rare" in result.output) == (1, True)


@pytest.fixture
def nightly_config(tmp_path: Path) -> Path:
    """The shipped configuration, keeping what it keeps in a folder of the test's own."""
    config = tmp_path / "nightly.yaml"
    text = (ROOT / "configs" / "nightly.yaml").read_text(encoding="utf-8")
    text = text.replace("sqlite:///var/", f"sqlite:///{tmp_path}/").replace(" var/", f" {tmp_path}/")
    assert " var/" not in text
    config.write_text(text, encoding="utf-8")
    return config


def test_nightly_runs_over_the_demo_once_and_then_finds_nothing_new(nightly_config: Path) -> None:
    first, second = _run("nightly", "--config", nightly_config), _run("nightly", "--config", nightly_config)
    assert first.exit_code == second.exit_code == 0, first.output
    assert "nothing new" not in first.output
    assert "nothing new" in second.output
    assert "待人工复核" in first.output
    table = first.output[: first.output.index("run 1")]
    assert second.output.startswith(table)


def test_nightly_ends_with_a_status_for_each_kind_of_trouble(
    nightly_config: Path, tree_model: Path, tmp_path: Path
) -> None:
    text = nightly_config.read_text(encoding="utf-8").replace("models/default", str(tree_model))
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "a.csv").write_text("工单编号,受理内容\n1,停电三天\n", encoding="utf-8")
    calm = text.replace("data/demo", str(inbox))

    def status(*options: str, **changes: str) -> int:
        changed = calm
        for old, new in changes.values():
            assert old in changed
            changed = changed.replace(old, new)
        nightly_config.write_text(changed, encoding="utf-8")
        return _run("nightly", "--config", nightly_config, *options).exit_code

    assert status() == 0
    assert status("--no-such-option") == 2
    assert status(a=("min_free_mb:", "least_mb:")) == 3
    assert status(a=(str(tree_model), "models/none")) == 4
    assert status("--fallback", a=(str(tree_model), "models/none")) == 9
    assert status(a=("sqlite:///", "mysql:///")) == 5
    assert status(a=(str(inbox), str(tmp_path / "nowhere"))) == 6
    assert status(a=("min_free_mb: 500", "min_free_mb: 1000000000")) == 10
    (inbox / "b.csv").write_text("no,header\n1,2\n", encoding="utf-8")
    assert status() == 8


def test_nightly_logs_json_when_asked(nightly_config: Path) -> None:
    done = subprocess.run(
        [*_NIGHTLY, str(nightly_config), "--log-json", "--since", "2030-01-01"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["message"] for line in lines] == ["model examined", "run started", "run closed"]
    assert lines[-1]["read"] == lines[-1]["before_since"] + lines[-1]["rejected"] + lines[-1]["scored"]
    nightly_config.write_text("source: {}\n", encoding="utf-8")
    failed = subprocess.run(
        [*_NIGHTLY, str(nightly_config), "--log-json"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (failed.returncode, json.loads(failed.stderr)["code"]) == (3, "config_invalid")


def _until_closed(terminal: int) -> str:
    """Read what a terminal shows: on a slow machine a spinner fills more than one reading."""
    shown = b""
    with suppress(OSError):  # how Linux says that the other side is closed
        while part := os.read(terminal, 1 << 16):
            shown += part
    return shown.decode(errors="replace")


@pytest.mark.parametrize("name", ["a.xlsx", "a.parquet"])
def test_a_damaged_file_is_one_line_on_a_terminal_too(tmp_path: Path, name: str) -> None:
    """On a terminal the file is counted for the bar before it is read."""
    (tmp_path / name).write_bytes(b"neither a spreadsheet nor a table")
    main, terminal = pty.openpty()
    command = [sys.executable, "-m", "pipeline", "score", str(tmp_path / name), "-o", str(tmp_path / "out.csv")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=terminal) as process:
        os.close(terminal)
        shown = _until_closed(main)
    os.close(main)
    assert process.returncode == 6
    assert "file_damaged" in shown
    assert "Traceback" not in shown


def test_corpus_check_counts_and_warns_in_markdown(tmp_path: Path) -> None:
    corpus = tmp_path / "rows.csv"
    labels = ["bill", "frequent_outage"] * 20
    texts = [
        f"{'电费算错' if label == 'bill' else '停电！！！'}第{at}次" + "请核实" * 20 for at, label in enumerate(labels)
    ]
    corpus.write_text(
        "id,text,cause,style\n"
        + "".join(f"{at},{text},{label},agent\n" for at, (text, label) in enumerate(zip(texts, labels, strict=True))),
        encoding="utf-8",
    )
    readings = tmp_path / "readings.csv"
    readings.write_text(
        "id,first,second,hard,pair,side\n"
        + "".join(f"{at},{label},{'tariff' if at == 0 else label},,,\n" for at, label in enumerate(labels)),
        encoding="utf-8",
    )
    result = _run("corpus", "check", corpus, "--readings", readings, "--against", corpus)
    assert result.exit_code == 0, result.output
    assert "| bill | 电费 | 20 | 0 | 0 | 20 |" in result.stdout
    assert "tell the type of 100.0%; always saying the largest type would be right for 50.0%." in result.stdout
    assert "| causes | 0.951 | 97.5% |" in result.stdout
    assert "| within | corpus | rows |" in result.stdout


def test_corpus_check_says_what_a_small_corpus_is_too_small_for(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,text,cause\n1,电费算错,bill\n", encoding="utf-8")
    result = _run("corpus", "check", tmp_path / "rows.csv")
    assert result.exit_code == 0, result.output
    assert "| bill | 电费 | 0 | 0 | 0 | 1 |" in result.stdout
    assert "it takes two types or more" in result.stdout
    refused = _run("corpus", "check", tmp_path / "rows.csv", "--against", tmp_path / "rows.csv")
    assert refused.exit_code == 6
    assert "corpus_too_small: 4 characters do not fill" in refused.stderr


@pytest.fixture
def few_labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four labelled narratives to compare with; what is kept of them goes to the test's own folder."""
    monkeypatch.setattr("pipeline.cli.NEIGHBOURS", tmp_path / "neighbours")
    path = tmp_path / "labelled.csv"
    path.write_text(
        "id,text,cause\nL1,我家两个月停电四回了冰箱都坏了,frequent_outage\nL2,柜台的人翻白眼不理人,hall_staff_attitude\n"
        "L3,这个月电费突然多了三倍,bill\nL4,变压器离窗户太近怕触电,facility_safety\n",
        encoding="utf-8",
    )
    return path


def test_explain_shows_words_their_test_and_three_neighbours(tickets: Path, few_labelled: Path) -> None:
    result = _run("explain", tickets, "--ticket", "A3", "--corpus", few_labelled)
    assert result.exit_code == 0, result.output
    assert "收费员态度恶劣" in result.stdout
    assert "营业厅人员服务态度" in result.stdout
    found = json.loads(_run("explain", "--text", "近两个月停电五次", "--corpus", few_labelled, "--json").stdout)
    assert found["type"]["label"] == "power_quality"
    words = {word["text"] for word in found["cause"]["words"]}
    assert words & {"停电", "五次"}
    assert len(found["neighbours"]) == 3
    assert found["neighbours"][0]["id"] == "L1"


def test_explain_shows_no_personal_data(few_labelled: Path) -> None:
    result = _run("explain", "--text", "停电三天，电话13800138000没人接", "--corpus", few_labelled)
    assert "13800138000" not in result.output
    assert "<电话>" in result.stdout


def test_explain_needs_a_ticket_that_is_there(tickets: Path, few_labelled: Path) -> None:
    missing = _run("explain", tickets, "--ticket", "B9", "--corpus", few_labelled)
    assert missing.exit_code == 6
    assert missing.stderr.startswith("ticket_missing")
    assert _run("explain").exit_code == 2
    assert _run("explain", tickets, "--text", "停电").exit_code == 2
