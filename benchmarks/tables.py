"""What benchmarks share: the page that holds their tables, and the name of the machine."""

import platform
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"


def write_table(name: str, content: str, *, dry_run: bool) -> None:
    """Put a table between its marks in docs/benchmarks.md, or only print it."""
    if dry_run:
        print(content, flush=True)
        return
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    page = PAGE.read_text(encoding="utf-8")
    head, rest = page.split(begin)
    tail = rest.split(end)[1]
    PAGE.write_text(f"{head}{begin}\n{content}\n{end}{tail}", encoding="utf-8")


def machine() -> str:
    """Return the processor's name."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()
