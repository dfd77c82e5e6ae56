"""Which encoding a text file is in, found by trying strictly."""

import codecs
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pipeline.errors import FileError

CANDIDATES = ("utf-8", "gb18030")
_BLOCK = 1 << 20


def find_encoding(path: Path, recognised: Callable[[str], bool]) -> str:
    """Return the encoding in which a text file decodes and its head is `recognised`.

    A file that decodes whole as UTF-8, else as GB18030, is that. Where a few rows are damaged, so that it decodes as
    neither, it is the one in which fewer lines fail (each tried strictly); those lines become rejects. Frequencies of
    characters are never consulted. Raises FileError for UTF-16 and for files that are no text.
    """
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileError("file_encoding", f"{path.name} 是 UTF-16 编码，请另存为“CSV UTF-8”或 .xlsx 后再导入。")
    whole = []
    for encoding in CANDIDATES:
        if _decodes(path, encoding):
            if recognised(encoding):
                return encoding
            whole.append(encoding)
    failures = {encoding: _failing_lines(path, encoding) for encoding in CANDIDATES}
    ranked = sorted(CANDIDATES, key=lambda encoding: failures[encoding][0])
    best = next((encoding for encoding in ranked if recognised(encoding)), (whole or ranked)[0])
    failed, total = failures[best]
    if failed * 2 > total:
        raise FileError("file_encoding", f"{path.name} 既不是 UTF-8 也不是 GB18030 文本，请重新导出为 .csv 或 .xlsx。")
    return best


def decoded_lines(path: Path, encoding: str) -> Iterator[tuple[int, str, bool]]:
    """Yield (line number, text without its line end, whether bytes in it could not be decoded)."""
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            line = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
            try:
                text, damaged = line.decode(encoding), False
            except UnicodeDecodeError:
                text, damaged = line.decode(encoding, errors="replace"), True
            yield number, text.rstrip("\r\n"), damaged


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _failing_lines(path: Path, encoding: str) -> tuple[int, int]:
    with path.open("rb") as file:
        results = [_fails(line, encoding) for line in _lines(file)]
    return sum(results), len(results)


def _lines(file: Iterable[bytes], most: int = 200_000) -> Iterable[bytes]:
    """Return the first lines: a file has one encoding, and this keeps memory bounded."""
    return (line for _, line in zip(range(most), file, strict=False))


def _fails(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return True
    return False
