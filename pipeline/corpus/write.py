"""Files written whole or not at all: who reads one meanwhile, or after a crash, finds the old or the new one."""

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import FileError


def write_file(path: Path, data: bytes) -> None:
    """Write a file and put it in place once it is on the disk; raises FileError."""
    partial = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise FileError("file_unwritable", f"无法写入 {path}：{error.strerror}。") from error


def json_lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows as a .jsonl file holds them."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
