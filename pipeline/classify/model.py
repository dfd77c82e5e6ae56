"""A loaded model: the classifier with its calibration, thresholds and taxonomy."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pipeline.classify.answer import Answer, ScoreSettings, decide
from pipeline.classify.base import Classifier, Floats
from pipeline.classify.folder import Manifest, read_manifest, require_match
from pipeline.errors import ModelError
from pipeline.settings import DEFAULT_MODEL
from pipeline.taxonomy import Taxonomy
from pipeline.taxonomy_changes import Projection
from pipeline.text import Lexicon, Segmenter

logger = logging.getLogger(__name__)


def _linear(folder: Path, segmenter: Segmenter, threads: int) -> Classifier:
    from pipeline.classify.linear import LinearClassifier  # noqa: PLC0415 - only what the folder needs is loaded

    del threads  # it works in one
    return LinearClassifier.load(folder, segmenter)


def _bert(folder: Path, segmenter: Segmenter, threads: int) -> Classifier:
    from pipeline.classify.bert import BertClassifier  # noqa: PLC0415

    return BertClassifier.load(folder, segmenter, threads)


def _mixture(folder: Path, segmenter: Segmenter, threads: int) -> Classifier:
    from pipeline.classify.mixture import MixtureClassifier  # noqa: PLC0415

    return MixtureClassifier.load(folder, segmenter, threads)


LOADERS: Mapping[str, Callable[[Path, Segmenter, int], Classifier]] = {
    "linear": _linear,
    "bert": _bert,
    "bert+linear": _mixture,
}
_SHOWN = 12  # hexadecimal digits of a digest that people are shown


@dataclass(frozen=True)
class Model:
    """Answers prepared narratives (see `pipeline.text.read_narrative`).

    A model that was made for a former tree answers in the present one, `taxonomy`: where causes were renamed or merged
    since, its probabilities are added up by `projection` (None: it was made for this very tree).
    """

    manifest: Manifest
    digest: str
    classifier: Classifier
    taxonomy: Taxonomy
    segmenter: Segmenter
    projection: Projection | None = None

    @classmethod
    def load(
        cls,
        folder: Path = DEFAULT_MODEL,
        taxonomy: Taxonomy | None = None,
        lexicon: Lexicon | None = None,
        *,
        threads: int = 0,
    ) -> "Model":
        """Read a model folder for a taxonomy and a lexicon (the project's unless given).

        `threads` limits a model that could use several cores at once; 0 does not.

        A model made for a former tree is taken if each of its causes is one of the present tree or became one; what it
        is blind to is logged. Raises ModelError if the folder is missing or damaged, or was made for another lexicon or
        for a tree with a cause that was split since or never belonged to this one.
        """
        if str(folder).startswith("models:"):
            raise ModelError("model_missing", f"{folder}: no registry is set up; give the path of a model folder")
        taxonomy, lexicon = taxonomy or Taxonomy.load(), lexicon or Lexicon.load()
        manifest, digest = read_manifest(folder)
        projection = require_match(manifest, folder, taxonomy, lexicon)
        if manifest.kind not in LOADERS:
            raise ModelError("model_kind", f"{folder} is a {manifest.kind!r} model; known are {', '.join(LOADERS)}")
        segmenter = Segmenter(lexicon)
        classifier = LOADERS[manifest.kind](folder, segmenter, threads)
        model = cls(manifest, digest, classifier, taxonomy, segmenter, projection)
        if model.blind_to:
            logger.warning(
                "model %s was made for taxonomy %s and never answers %s of %s; train again",
                model.name, manifest.taxonomy_version, ", ".join(model.blind_to), taxonomy.version,
            )  # fmt: skip
        return model

    @property
    def name(self) -> str:
        """What results call the model: its kind and the head of its digest."""
        return f"{self.manifest.kind}-{self.digest[:_SHOWN]}"

    @property
    def blind_to(self) -> tuple[str, ...]:
        """The causes that were added to the tree after the model was made: their probability is always 0."""
        return self.projection.blind_to if self.projection else ()

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Return calibrated probabilities (n_texts, n_causes), the columns in the order of the taxonomy.

        Calibration belongs to the tree that the model was made for, so it comes before the sums.
        """
        chances = self.manifest.calibration.apply(self.classifier.scores(texts), self._membership)
        return chances if self.projection is None else chances @ self.projection.matrix

    @cached_property
    def _membership(self) -> Floats:
        """The matrix (n_causes, n_types) of the tree that the model was made for."""
        types = list(dict.fromkeys(type_id for _, type_id in self.manifest.tree))
        return np.array([[float(type_id == column) for column in types] for _, type_id in self.manifest.tree])

    def answer(
        self, texts: Sequence[str], settings: ScoreSettings, agent_types: Sequence[str | None] | None = None
    ) -> list[Answer]:
        """Answer prepared narratives; `agent_types` are the type ids the agents chose, None where unknown."""
        if not texts:
            return []
        agents = agent_types if agent_types is not None else [None] * len(texts)
        return decide(self.predict_proba(texts), agents, self.taxonomy, self.manifest.thresholds, settings)
