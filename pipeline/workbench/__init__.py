"""What a data scientist does with gongdan, each step one call; `help(pipeline)` lists it, notebooks/ shows it."""

from pipeline.workbench.causes import UnlikeTickets, add_cause, unlike_tickets
from pipeline.workbench.doubts import LabelErrors, label_errors
from pipeline.workbench.gate import compare, promote
from pipeline.workbench.judging import Evaluated, evaluate, misclassified
from pipeline.workbench.parts import Slices, slices
from pipeline.workbench.pictures import plot
from pipeline.workbench.predictions import Predictions, answer, cross_validate, predict
from pipeline.workbench.reading import (
    corrections,
    hold_out,
    label_tickets,
    load_corpus,
    load_model,
    read_tickets,
    stored_answers,
)
from pipeline.workbench.training import retrain, tune

__all__ = [
    "Evaluated",
    "LabelErrors",
    "Predictions",
    "Slices",
    "UnlikeTickets",
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
