"""Labelled narratives: loading them, and the field's noise for trying models on it."""

from pipeline.corpus.load import Labelled, load_labelled

__all__ = ["Labelled", "load_labelled"]
