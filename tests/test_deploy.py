"""What deploy/ and docs/operations.md say is what the program does; neither systemd nor a cluster has to be there."""

import ast
import configparser
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer
import yaml

from pipeline import errors
from pipeline.classify.answer import ScoreSettings
from pipeline.cli import app
from pipeline.errors import (
    EXIT_FALLBACK,
    EXIT_PARTIAL,
    EXIT_UNWRITTEN,
    BusyError,
    DiskFullError,
    FileError,
    GongdanError,
    ModelError,
    StoreError,
)
from pipeline.nightly import NightlySettings
from pipeline.settings import CONFIGS, CORPUS, DEFAULT_MODEL, LEXICON, ROOT
from pipeline.store import lock
from pipeline.store.database import Store
from pipeline.store.patience import RetrySettings

DEPLOY = ROOT / "deploy"
DOC = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
PIPELINE = ROOT / "pipeline"
USAGE = 2  # of the command line: typer's
# What a night runs through before and while it reads; each of their errors can end it.
OF_A_NIGHT = [
    *(PIPELINE / "nightly" / f"{name}.py" for name in ("customers", "ledger", "night", "service", "sources", "table")),
    *(PIPELINE / "store" / f"{name}.py" for name in ("database", "lock", "patience")),
    *(PIPELINE / "classify" / f"{name}.py" for name in ("folder", "model")),
    *(PIPELINE / name for name in ("settings.py", "taxonomy.py", "text/lexicon.py")),
]


def _kinds(base: type[GongdanError] = GongdanError) -> Iterator[type[GongdanError]]:
    yield base
    for kind in base.__subclasses__():
        yield from _kinds(kind)


def _table(first: str) -> dict[str, list[str]]:
    """Return the rows of the table of the manual whose head begins with a word, by their first cell."""
    lines = DOC.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows: dict[str, list[str]] = {}
    for line in lines[at + 2 :]:
        if not line.startswith("|"):
            break
        head, *rest = (cell.strip() for cell in line.strip("|").split("|"))
        rows[head] = rest
    return rows


def _codes_of(status: int) -> list[str]:
    return re.findall(r"`(\w+)`", _table("status")[str(status)][1])


def _raised(paths: Sequence[Path]) -> dict[str, set[int]]:
    """Return the codes that modules raise errors with, and the exit statuses these have."""
    statuses = {kind.__name__: kind.exit_status for kind in _kinds()}
    found: dict[str, set[int]] = {}
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in statuses:
                code = node.args[0] if node.args else None
                if isinstance(code, ast.Constant):
                    found.setdefault(str(code.value), set()).add(statuses[node.func.id])
    return found


def _parse(arguments: Sequence[str]) -> dict[str, Any]:
    """Parse what stands behind `gongdan`; raises what says that there is no such command or option."""
    command: Any = typer.main.get_command(app)
    words = list(arguments)
    while hasattr(command, "commands") and not (command.invoke_without_command and words[0].startswith("-")):
        command = command.commands[words.pop(0)]
    return dict(command.make_context("gongdan", [word for word in words if word != "--help"]).params)


def _ini(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(DEPLOY / name, encoding="utf-8")
    return parser


def _numbers(text: str) -> set[int]:
    return {int(number) for number in text.split()}


@pytest.fixture
def objects() -> dict[str, Any]:
    documents = yaml.safe_load_all((DEPLOY / "cronjob.yaml").read_text(encoding="utf-8"))
    return {document["kind"]: document for document in documents}


@pytest.fixture
def job(objects: dict[str, Any]) -> dict[str, Any]:
    return objects["CronJob"]["spec"]["jobTemplate"]["spec"]


@pytest.fixture
def pod(job: dict[str, Any]) -> dict[str, Any]:
    return job["template"]["spec"]


def _containerfile() -> list[list[str]]:
    """Return its instructions, a list of words each."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#")).replace("\\\n", " ")
    return [line.split() for line in lines.splitlines() if line.strip()]


# Exit statuses


def test_the_manual_explains_every_exit_status_and_no_other() -> None:
    expected = {0, USAGE, EXIT_PARTIAL, EXIT_FALLBACK, EXIT_UNWRITTEN} | {kind.exit_status for kind in _kinds()}
    assert {int(status) for status in _table("status")} == expected


def test_every_exit_status_says_what_happened_what_is_written_what_to_do_and_whether_waiting_helps() -> None:
    for status, (happened, _, written, todo, by_itself) in _table("status").items():
        assert happened, status
        assert written, status
        assert todo, status
        assert by_itself in {"no", "yes", "perhaps", "-"}, status


def test_the_codes_beside_an_exit_status_are_raised_with_it() -> None:
    raised = _raised(sorted(PIPELINE.rglob("*.py")))
    # These end a night that closed, and are otherwise errors of any kind.
    also = {
        EXIT_PARTIAL: {FileError},
        EXIT_FALLBACK: {ModelError},
        EXIT_UNWRITTEN: {FileError, StoreError, DiskFullError},
    }
    for status in map(int, _table("status")):
        allowed = {kind.exit_status for kind in also[status]} if status in also else {status}
        for code in _codes_of(status):
            assert allowed & raised.get(code, set()), (status, code)


def test_no_code_that_can_end_a_night_is_missing_in_the_manual() -> None:
    explained = set(re.findall(r"`(\w+)`", DOC))
    assert set(_raised(OF_A_NIGHT)) - explained == set()


def test_systemd_tries_again_where_that_may_help_and_only_there() -> None:
    service = _ini("gongdan-nightly.service")["Service"]
    never = {int(status) for status, row in _table("status").items() if row[-1] == "no"}
    assert service["Restart"] == "on-failure"
    assert _numbers(service["RestartPreventExitStatus"]) == never
    assert _numbers(service["SuccessExitStatus"]) == {BusyError.exit_status}


def test_kubernetes_tries_again_where_that_may_help_and_only_there(job: dict[str, Any]) -> None:
    (fails,) = (rule["onExitCodes"] for rule in job["podFailurePolicy"]["rules"] if rule["action"] == "FailJob")
    never = {int(status) for status, row in _table("status").items() if row[-1] == "no"}
    assert (fails["operator"], set(fails["values"])) == ("In", never)
    assert job["backoffLimit"] > 0


# The rest of the manual


def test_logs_are_in_the_manual_as_they_are_written() -> None:
    written: dict[str, tuple[str, set[str]]] = {}
    for path in sorted([*(PIPELINE / "nightly").rglob("*.py"), *(PIPELINE / "store").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="logger"), attr=level), args=[ast.Constant(value=message), *_]
                ):
                    (extra,) = (keyword.value for keyword in node.keywords if keyword.arg == "extra")
                    keys = {key.value for key in extra.keys if isinstance(key, ast.Constant)}
                    written[message] = (level.upper(), keys)
    told = {
        head.strip("`"): (level, set(re.findall(r"`(\w+)`", fields)))
        for head, (level, fields) in _table("message").items()
    }
    # The counts of a run are given as they are, without being named one by one.
    told["run closed"][1].intersection_update(written["run closed"][1])
    assert told == written


def test_every_query_of_the_manual_is_one(tmp_path: Path) -> None:
    queries = [query for query in re.findall(r"```sql\n(.*?)```", DOC, re.DOTALL) if "-- PostgreSQL" not in query]
    store = Store.exclusive(f"sqlite:///{tmp_path}/night.db", RetrySettings(attempts=1, first=1, longest=1))
    for query in queries:
        store.run(lambda connection, query=query: connection.execute(sa.text(query)).all())
    store.close()
    assert len(queries) > 5


def test_the_lock_that_the_manual_looks_for_is_ours() -> None:
    assert re.findall(r"classid = (\d+)", DOC) == [str(lock._NAMESPACE)]


def test_every_command_of_the_manual_can_be_given() -> None:
    inline = re.findall(r"`gongdan ([a-z][^`]*)`", DOC)
    blocks = re.findall(r"(?:bin/gongdan|-v \S+ gongdan|--env-file \S+ gongdan|--rm gongdan) ([a-z][^`\n]*)", DOC)
    commands = [command.rstrip("'").replace("--run N", "--run 1") for command in (*inline, *blocks)]
    for command in commands:
        _parse(shlex.split(command, comments=True))
    assert len(commands) > 5
    with pytest.raises(Exception, match="No such option"):
        _parse(["nightly", "--no-such-option"])


def test_every_link_and_file_of_the_manual_is_there() -> None:
    headings = re.findall(r"^#+ (.*)$", DOC, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for target in re.findall(r"\]\(([^)]+)\)", DOC):
        path, _, anchor = target.partition("#")
        assert not path or (ROOT / "docs" / path).exists(), target
        assert not anchor or anchor in anchors, target
    for name in re.findall(r"\b((?:deploy|configs)/[\w.-]*\w)", DOC):
        assert (ROOT / name).exists(), name


# systemd


def test_the_unit_starts_the_night() -> None:
    service, timer = _ini("gongdan-nightly.service"), _ini("gongdan-nightly.timer")
    program, *arguments = shlex.split(service["Service"]["ExecStart"])
    assert Path(program).name == "gongdan"
    assert _parse(arguments)["log_json"] is True
    assert service["Service"]["Type"] == "oneshot"
    assert timer["Install"]["WantedBy"] == "timers.target"
    assert "Unit" not in timer["Timer"], "a timer starts the service of its own name"


def test_the_unit_may_write_to_its_state_only() -> None:
    service = _ini("gongdan-nightly.service")["Service"]
    state = f"/var/lib/{service['StateDirectory']}"
    assert (service["ProtectSystem"], service["ReadWritePaths"]) == ("strict", state)
    assert service["NoNewPrivileges"] == "yes"
    assert service["User"] not in {"", "root"}
    assert f"ln -s {state} /opt/gongdan/var" in DOC


def test_the_unit_of_the_desk_starts_it_and_may_write_to_its_state_only() -> None:
    unit = _ini("gongdan-review.service")
    service = unit["Service"]
    program, *arguments = shlex.split(service["ExecStart"])
    assert Path(program).name == "gongdan"
    assert arguments[0] == "review"
    assert _parse(arguments)["config"] == Path("/etc/gongdan/review.yaml")
    assert (service["ProtectSystem"], service["ReadWritePaths"]) == ("strict", f"/var/lib/{service['StateDirectory']}")
    assert service["NoNewPrivileges"] == "yes"
    assert service["User"] not in {"", "root"}
    assert unit["Install"]["WantedBy"] == "multi-user.target"


def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    analyze, true = shutil.which("systemd-analyze"), shutil.which("true")
    if analyze is None or true is None:
        pytest.skip("systemd-analyze is not installed")
    units = []
    for name in ("gongdan-nightly.service", "gongdan-nightly.timer", "gongdan-review.service"):
        text = (DEPLOY / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("/opt/gongdan/.venv/bin/gongdan", true), encoding="utf-8")
        units.append(str(tmp_path / name))
    done = subprocess.run([analyze, "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    if "gongdan" not in done.stderr and done.returncode:
        pytest.skip(f"systemd-analyze does not work here: {done.stderr}")
    assert (done.returncode, done.stderr) == (0, "")


# cron


def _entry() -> tuple[dict[str, str], list[str], str]:
    """Return the variables, the five fields of the time, and the command."""
    lines = (DEPLOY / "crontab").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    *variables, entry = lines
    *times, command = entry.split(maxsplit=5)
    return dict(line.split("=", 1) for line in variables), times, command


def test_the_crontab_is_one_entry_that_starts_the_night() -> None:
    variables, times, command = _entry()
    assert "MAILTO" in variables
    assert all(re.fullmatch(r"[\d*/,-]+", field) for field in times)
    assert "%" not in command, "cron takes it for a line break"
    (arguments,) = re.findall(r"/bin/gongdan (.*?) >", command)
    assert _parse(shlex.split(arguments))["log_json"] is True


@pytest.mark.parametrize("status", [0, EXIT_PARTIAL])
def test_cron_mails_a_night_that_asks_for_somebody_and_no_other(status: int, tmp_path: Path) -> None:
    variables, _, command = _entry()
    stub = tmp_path / "gongdan"
    stub.write_text(f'#!/bin/sh\necho tables; echo "$PASSWORD" >&2; exit {status}\n', encoding="utf-8")
    stub.chmod(0o755)
    (tmp_path / "nightly.env").write_text("PASSWORD='se cret'\n", encoding="utf-8")
    command = command.replace("/opt/gongdan/.venv/bin/gongdan", str(stub)).replace("/etc/gongdan", str(tmp_path))
    environment = variables | {"STATE": str(tmp_path), "PATH": os.environ["PATH"]}
    done = subprocess.run(["/bin/sh", "-c", command], env=environment, capture_output=True, text=True, check=True)
    assert (tmp_path / "last-night.txt").read_text() == "tables\n"
    assert (tmp_path / "nightly.jsonl").read_text() == "se cret\n"
    assert done.stderr == ""
    assert done.stdout.count("\n") == (0 if status == 0 else 1)
    assert status == 0 or f"status {status}." in done.stdout


# Kubernetes


def test_the_cronjob_starts_the_night_with_the_configuration_that_it_brings(
    objects: dict[str, Any], pod: dict[str, Any]
) -> None:
    (container,) = pod["containers"]
    config = _parse(container["args"])["config"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert set(mounts) == set(volumes)
    assert str(config.parent) == mounts["config"]
    assert volumes["config"]["configMap"]["name"] == objects["ConfigMap"]["metadata"]["name"]
    assert config.name in objects["ConfigMap"]["data"]
    assert volumes["var"]["persistentVolumeClaim"]["claimName"] == objects["PersistentVolumeClaim"]["metadata"]["name"]
    assert (mounts["var"], mounts["tmp"]) == ("/opt/gongdan/var", "/tmp")


def test_the_configuration_that_the_cronjob_brings_is_complete(objects: dict[str, Any], pod: dict[str, Any]) -> None:
    data = objects["ConfigMap"]["data"]
    night = NightlySettings.model_validate(yaml.safe_load(data["nightly.yaml"]))
    (container,) = pod["containers"]
    assert night.source.inbox == Path("/inbox")
    assert night.score == Path("/etc/gongdan/score.yaml")
    names = {entry["name"] for entry in container["env"]}
    assert set(re.findall(r"\$\{(\w+)\}", night.database)) == names
    for path in (night.columns, night.model, night.watch):
        assert path is None or (ROOT / path).exists(), path
    shipped = ScoreSettings.load(CONFIGS / "score.yaml")
    workers = int(container["resources"]["limits"]["cpu"])
    score = ScoreSettings.model_validate(yaml.safe_load(data["score.yaml"]))
    assert score == shipped.model_copy(update={"workers": workers})


def test_the_cronjob_allows_no_more_than_it_needs(objects: dict[str, Any], pod: dict[str, Any]) -> None:
    (container,) = pod["containers"]
    assert objects["CronJob"]["spec"]["concurrencyPolicy"] == "Forbid"
    assert pod["restartPolicy"] == "Never"  # the API refuses a podFailurePolicy with another
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    user = next(words[1] for words in _containerfile() if words[0] == "USER")
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True
    assert user == f"{context['runAsUser']}:{context['runAsGroup']}"
    assert context["fsGroup"] == context["runAsGroup"]


# The container


def _copied() -> list[Path]:
    """Return what the Containerfile copies out of the checkout."""
    copies = [words[1:] for words in _containerfile() if words[0] == "COPY"]
    return [ROOT / source for copy in copies if not copy[0].startswith("--from") for source in copy[:-1]]


def test_what_the_containerfile_copies_is_there_and_all_that_is_needed() -> None:
    copied = _copied()
    for path in copied:
        assert path.exists(), path
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    built_from = [ROOT / project["readme"], *(ROOT / name for name in project["license-files"])]
    for needed in (*built_from, CONFIGS, CORPUS, DEFAULT_MODEL, LEXICON, ROOT / "requirements.lock"):
        assert any(needed.is_relative_to(path) for path in copied), needed


def test_the_containerfile_installs_as_the_makefile_does_and_only_the_core() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (flags,) = re.findall(r"--constraint \S+ --build-constraint \S+", makefile)
    (pip,) = re.findall(r"^PIP_VERSION := (\S+)", makefile, re.MULTILINE)
    runs = [" ".join(words) for words in _containerfile() if words[0] == "RUN"]
    assert any(f"pip=={pip}" in run for run in runs)
    (install,) = (run for run in runs if "--editable" in run)
    assert f"{flags} --editable . " in install


def test_the_container_runs_the_command_of_the_project() -> None:
    words = {instruction[0]: " ".join(instruction[1:]) for instruction in _containerfile()}
    (program,) = yaml.safe_load(words["ENTRYPOINT"])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert program in project["scripts"]
    assert _parse(yaml.safe_load(words["CMD"]))["config"] == CONFIGS / "nightly.yaml"
    python = next(words[1] for words in _containerfile() if words[:1] == ["ARG"] and "PYTHON=" in words[1])
    found = re.search(r"python:(\d+)\.(\d+)-slim", python)
    least = re.search(r"(\d+)\.(\d+)", project["requires-python"])
    assert found is not None
    assert least is not None
    assert tuple(map(int, found.groups())) >= tuple(map(int, least.groups()))


def test_every_file_begins_with_what_to_change() -> None:
    for path in sorted(DEPLOY.iterdir()):
        head = path.read_text(encoding="utf-8").splitlines()[:3]
        assert all(line.startswith("#") for line in head[:2]), path.name
        assert any(line.startswith("# Change: ") for line in head), path.name


def test_the_error_tree_is_read_as_a_whole() -> None:
    """The other tests would say nothing if they found no errors."""
    named = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    assert {kind.__name__ for kind in _kinds()} >= {"GongdanError", *named}
    assert len(named) > 8
