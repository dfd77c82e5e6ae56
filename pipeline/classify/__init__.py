"""Using a model: answers with honest probabilities, without torch or transformers."""

from pipeline.classify.answer import Answer, ScoreSettings
from pipeline.classify.base import Classifier
from pipeline.classify.model import Model

__all__ = ["Answer", "Classifier", "Model", "ScoreSettings"]
