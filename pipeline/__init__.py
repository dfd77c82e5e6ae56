"""gongdan: reads power-utility complaint tickets.

The rooms, from the ground up: text, tickets, corpus, classify, train, nightly, review, promotion, workbench.

What a data scientist needs stands right here, each step of work one call; notebooks/ shows them in their order:

    tickets     read_tickets, stored_answers
    labels      load_corpus, corrections, hold_out, label_tickets
    answers     load_model, answer, predict, cross_validate
    judgement   evaluate, misclassified, label_errors, slices
    training    retrain, tune
    service     compare, promote
    taxonomy    unlike_tickets, add_cause
    pictures    plot, and the results' own plot methods

Paths are relative to the project's root, wherever a notebook is started; narratives are masked in whatever these
return. They need the train extra (`make train`, or pip install '.[train]'); importing `pipeline` alone loads nothing.
"""

from importlib import import_module

__version__ = "0.1.0"

__all__ = [
    "add_cause",
    "answer",
    "compare",
    "corrections",
    "cross_validate",
    "evaluate",
    "hold_out",
    "label_errors",
    "label_tickets",
    "load_corpus",
    "load_model",
    "misclassified",
    "plot",
    "predict",
    "promote",
    "read_tickets",
    "retrain",
    "slices",
    "stored_answers",
    "tune",
    "unlike_tickets",
]


def __getattr__(name: str) -> object:
    """Load the workbench when the first of its names is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("pipeline.workbench"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
