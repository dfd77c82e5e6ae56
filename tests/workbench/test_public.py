"""The public names: few, documented, shown by help(pipeline), and loaded only when asked for."""

import inspect
import pydoc
import subprocess
import sys

import pytest

import pipeline
from pipeline import workbench

_FEW = 22


def test_there_are_few_and_all_are_functions_of_the_workbench() -> None:
    assert len(pipeline.__all__) <= _FEW
    assert pipeline.__all__ == sorted(pipeline.__all__)
    for name in pipeline.__all__:
        assert getattr(pipeline, name) is getattr(workbench, name)
        assert name in dir(pipeline)
    results = {name for name in workbench.__all__ if inspect.isclass(getattr(workbench, name))}
    assert set(workbench.__all__) - results == set(pipeline.__all__)


def test_help_shows_every_name_with_what_it_does() -> None:
    shown = pydoc.render_doc(pipeline, renderer=pydoc.plaintext)
    for name in pipeline.__all__:
        doc = inspect.getdoc(getattr(pipeline, name))
        assert doc
        assert f"    {name}(" in shown
        assert doc.splitlines()[0] in shown
    assert "read_tickets, stored_answers" in shown  # the overview at its head
    assert str(sys.prefix) not in shown.split("FILE")[0]


@pytest.mark.parametrize("name", pipeline.__all__)
def test_a_name_says_in_which_units_and_what_it_raises(name: str) -> None:
    doc = inspect.getdoc(getattr(pipeline, name)) or ""
    quiet = {"label_errors", "unlike_tickets", "predict"}  # they take what others made, and raise nothing
    assert len(doc.splitlines()) >= 2 or name in quiet
    assert "Raises" in doc or name in quiet


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, pipeline\n"
        "heavy = {'pandas', 'numpy', 'sklearn', 'mlflow', 'torch', 'matplotlib', 'sqlalchemy', 'pipeline.workbench'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_workbench_needs_no_torch_until_a_bert_is_trained() -> None:
    code = (
        "import sys, pipeline\npipeline.retrain\n"
        "print(sorted({'torch', 'transformers', 'optuna'} & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = pipeline.nothing_like_it
