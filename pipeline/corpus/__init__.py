"""Labelled narratives: loading them, and the field's noise for trying models on it."""

from pipeline.corpus.load import Labelled, corpus_sha256, load_labelled

__all__ = ["Labelled", "corpus_sha256", "load_labelled"]
