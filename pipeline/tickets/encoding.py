"""Which encoding a text file is in, found by trying strictly."""

import codecs
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from pipeline.errors import FileError

CANDIDATES = ("utf-8", "gb18030")
_HEAD = 4096
_BLOCK = 1 << 20
_MOST_LINES = 200_000  # a file has one encoding: that of its first lines


def find_encoding(path: Path, recognised: Callable[[str], bool]) -> str:
    """Return the encoding in which a text file decodes and its head is `recognised`.

    A file that decodes whole as UTF-8 is that. So is one in which at least half of the lines beyond ASCII do, each
    tried strictly: GB18030 takes almost any bytes, but Chinese in GB18030 is hardly ever valid UTF-8. Otherwise it is
    the encoding in which fewer lines fail. Failing lines become rejects. Frequencies of characters are never consulted.
    Raises FileError for UTF-16 and for files that are no text.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileError("file_encoding", f"{path.name} 是 UTF-16 编码，请另存为“CSV UTF-8”或 .xlsx 后再导入。")
    if _decodes(path, "utf-8") and recognised("utf-8"):
        return "utf-8"
    total, foreign, failed = _failing_lines(path)
    mostly_utf8 = failed["utf-8"] * 2 <= foreign
    ranked = CANDIDATES if mostly_utf8 else sorted(CANDIDATES, key=lambda encoding: failed[encoding])
    found = next((encoding for encoding in ranked if recognised(encoding)), None)
    best = found or ranked[0]
    # Where not even a header is legible, a NUL says that this is UTF-16 without its mark, or no text at all.
    if failed[best] * 2 > total or (found is None and b"\0" in head):
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


def _failing_lines(path: Path) -> tuple[int, int, Counter[str]]:
    """Return how many lines there are, how many hold more than ASCII, and how many fail in each encoding."""
    total = foreign = 0
    failed: Counter[str] = Counter()
    with path.open("rb") as file:
        for line in islice(file, _MOST_LINES):
            total += 1
            if not line.isascii():
                foreign += 1
                failed.update(encoding for encoding in CANDIDATES if _fails(line, encoding))
    return total, foreign, failed


def _fails(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return True
    return False
