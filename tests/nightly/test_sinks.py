from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest

from pipeline.classify.answer import ScoreSettings
from pipeline.classify.score import score_file
from pipeline.errors import ConfigError
from pipeline.nightly import run_night

from ..conftest import ROWS, MakeNight, drop


def test_the_answers_of_a_night_are_those_of_score_in_every_format(
    make_night: MakeNight, database: str, tmp_path: Path, tree_model: Path, settings: ScoreSettings
) -> None:
    outputs = {"folder": str(tmp_path / "nights"), "answers": ["xlsx", "parquet"], "report": False}
    night = make_night(database=database, outputs=outputs)
    source = drop(night.source.inbox, "a.csv", ROWS)
    done = run_night(night)
    assert [path.name for path in done.files] == ["answers.xlsx", "answers.parquet"]
    score_file(source, tmp_path / "score.parquet", tree_model, settings)
    expected = pq.read_table(tmp_path / "score.parquet").to_pylist()
    assert pq.read_table(done.files[1]).to_pylist() == expected
    cells = [[cell.value for cell in row] for row in openpyxl.load_workbook(done.files[0]).active]
    assert cells[0] == list(expected[0])
    assert [row[0] for row in cells[1:]] == ["N1", "N2", "N4"]
    refused = done.files[0].with_name("answers.xlsx.rejects.csv").read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(",")[:2] for line in refused] == [["row", "code"], ["4", "missing_text"]]
    # A night without news leaves files that say so.
    again = run_night(night)
    assert again.files[0].parent != done.files[0].parent
    assert pq.read_table(again.files[1]).num_rows == 0


@pytest.mark.parametrize("kind", ["xls", "docx"])
def test_a_format_that_cannot_be_written_is_refused_with_the_configuration(make_night: MakeNight, kind: str) -> None:
    with pytest.raises(ConfigError, match=r"outputs\.answers"):
        make_night(outputs={"folder": "var/nights", "answers": [kind], "report": False})
