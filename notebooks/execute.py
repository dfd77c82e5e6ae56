"""Run notebooks top to bottom and write them back: `make notebooks`. The tests run them the same way, made small."""

import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
_LONGEST = 1800  # seconds that a cell may take; the longest, the corpus scored by the BERT, takes one or two minutes


def run(
    path: Path, parameters: Mapping[str, object] | None = None, last: str = "", folder: Path = HERE
) -> nbformat.NotebookNode:
    """Execute a notebook in a folder and return it.

    `parameters` replace those of its cell tagged `parameters`; `last` is the source of one more cell at its end. Raises nbclient's CellExecutionError, with the traceback, at the first cell that fails.
    """
    notebook = nbformat.read(path, as_version=4)
    place = next(at for at, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    if unknown := set(parameters or {}) - set(re.findall(r"^(\w+) =", notebook.cells[place].source, re.MULTILINE)):
        raise ValueError(f"{path.name} has no parameters {', '.join(sorted(unknown))}")
    if parameters:
        source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
        notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(source))
    if last:
        notebook.cells.append(nbformat.v4.new_code_cell(last))
    place_of = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=_LONGEST, kernel_name="python3", resources=place_of).execute()
    return notebook


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Take out what only says when and where a notebook was run."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if "outputs" in cell:  # progress and warnings are about this machine
            cell.outputs = [it for it in cell.outputs if it.get("name") != "stderr"]
        for output in cell.get("outputs", []):
            for name in ("text/plain", "text/html"):
                if name in output.get("data", {}):
                    output.data[name] = output.data[name].replace(f"{ROOT}/", "")
            if "text" in output:
                output.text = output.text.replace(f"{ROOT}/", "")
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    return notebook


def main(wanted: list[str]) -> None:
    """Execute all notebooks, or those whose names begin as told, in their order."""
    for path in sorted(HERE.glob("[0-9]*.ipynb")):
        if wanted and not path.name.startswith(tuple(wanted)):
            continue
        begun = time.monotonic()
        nbformat.write(clean(run(path)), path)
        print(f"{path.name}: {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
