"""Results written as they come, and moved into place only when complete."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl.cell import WriteOnlyCell

from pipeline.classify.answer import Answer
from pipeline.errors import FileError
from pipeline.taxonomy import Taxonomy
from pipeline.tickets import Reject

SCHEMA: Mapping[str, pa.DataType] = {
    "ticket_id": pa.string(),
    "type": pa.string(),
    "type_name": pa.string(),
    "cause": pa.string(),
    "cause_name": pa.string(),
    "type_probability": pa.float64(),
    "cause_probability": pa.float64(),
    "answer": pa.string(),
    "route": pa.string(),
    "reasons": pa.string(),
    "alternatives": pa.string(),
    "model": pa.string(),
}
COLUMNS = tuple(SCHEMA)
REJECT_COLUMNS = ("row", "code", "message")
_DIGITS = 4  # of a probability: more would claim what no calibration can hold
_SHEET_ROWS = 1_048_576
# A byte order mark makes Chinese spreadsheets open a UTF-8 .csv as what it is.
_CSV_ENCODING = "utf-8-sig"

Row = Mapping[str, Any]


def result_row(ticket_id: str, answer: Answer, taxonomy: Taxonomy, model: str) -> dict[str, Any]:
    """Return one row of the output contract; `reasons` are joined with ;, `alternatives` are cause:probability."""
    return {
        "ticket_id": ticket_id,
        "type": answer.type,
        "type_name": taxonomy.type(answer.type).name,
        "cause": answer.cause,
        "cause_name": taxonomy.cause(answer.cause).name,
        "type_probability": round(answer.type_probability, _DIGITS),
        "cause_probability": round(answer.cause_probability, _DIGITS),
        "answer": answer.answer,
        "route": answer.route,
        "reasons": ";".join(answer.reasons),
        "alternatives": ";".join(f"{cause}:{probability:.{_DIGITS}f}" for cause, probability in answer.alternatives),
        "model": model,
    }


class Writer(Protocol):
    """Writes rows to one file."""

    def write(self, rows: Iterable[Row]) -> None:
        """Append rows."""

    def close(self) -> None:
        """Finish the file."""


class _CsvWriter:
    def __init__(self, path: Path, columns: tuple[str, ...] = COLUMNS) -> None:
        self._file = path.open("w", encoding=_CSV_ENCODING, newline="")
        self._writer = csv.DictWriter(self._file, columns)
        self._writer.writeheader()

    def write(self, rows: Iterable[Row]) -> None:
        self._writer.writerows(rows)

    def close(self) -> None:
        self._file.close()


class _JsonlWriter:
    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")

    def write(self, rows: Iterable[Row]) -> None:
        self._file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    def close(self) -> None:
        self._file.close()


class _ParquetWriter:
    def __init__(self, path: Path) -> None:
        self._schema = pa.schema(list(SCHEMA.items()))
        self._writer = pq.ParquetWriter(path, self._schema)

    def write(self, rows: Iterable[Row]) -> None:
        if batch := list(rows):
            self._writer.write_table(pa.Table.from_pylist(batch, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


class _XlsxWriter:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._book = openpyxl.Workbook(write_only=True)
        self._sheet = self._book.create_sheet("tickets")
        self._sheet.append(list(COLUMNS))
        self._rows = 1

    def write(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if self._rows >= _SHEET_ROWS:
                raise FileError(
                    "too_many_rows", f"结果超过 {_SHEET_ROWS} 行，.xlsx 放不下；请输出为 .csv 或 .parquet。"
                )
            self._sheet.append([self._cell(row[name]) for name in COLUMNS])
            self._rows += 1

    def close(self) -> None:
        self._book.save(self._path)

    def _cell(self, value: object) -> object:
        """Text stays text: a cell that begins with = must not become a formula."""
        if not isinstance(value, str):
            return value
        cell = WriteOnlyCell(self._sheet, value)
        cell.data_type = "s"
        return cell


WRITERS: Mapping[str, Callable[[Path], Writer]] = {
    ".csv": _CsvWriter,
    ".jsonl": _JsonlWriter,
    ".parquet": _ParquetWriter,
    ".xlsx": _XlsxWriter,
}


class Output:
    """OUTPUT and OUTPUT.rejects.csv; both appear when the `with` block ends without an error, else neither does."""

    def __init__(self, path: Path) -> None:
        """Open both under temporary names; raises FileError if the ending is unknown or the folder is missing."""
        if path.suffix.lower() not in WRITERS:
            raise FileError("file_kind", f"不能写成 {path.name} 的格式，可用的有 {'、'.join(WRITERS)}。")
        if not path.parent.is_dir():
            raise FileError("folder_missing", f"文件夹 {path.parent} 不存在，请先建立。")
        self.path = path
        self.rejects_path = path.with_name(path.name + ".rejects.csv")
        self._partial = {final: final.with_name(f".{final.name}.partial") for final in (path, self.rejects_path)}
        self._results = WRITERS[path.suffix.lower()](self._partial[path])
        self._rejects = _CsvWriter(self._partial[self.rejects_path], REJECT_COLUMNS)

    def write(self, rows: Iterable[Row], rejects: Iterable[Reject]) -> None:
        """Append result rows and rejects."""
        self._results.write(rows)
        self._rejects.write({"row": entry.row, "code": entry.code, "message": entry.message} for entry in rejects)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._results.close()
            self._rejects.close()
            if kind is None:
                for final, partial in self._partial.items():
                    partial.replace(final)
        finally:
            for partial in self._partial.values():
                partial.unlink(missing_ok=True)
