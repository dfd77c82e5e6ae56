"""A loaded model: the classifier with its calibration, thresholds and taxonomy."""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from pipeline.classify.answer import Answer, ScoreSettings, decide
from pipeline.classify.base import Classifier, Floats
from pipeline.classify.cascade import SHORTCUT, Shortcut
from pipeline.classify.folder import Manifest, read_manifest, require_match
from pipeline.classify.runtime import Runtime
from pipeline.errors import ModelError
from pipeline.settings import DEFAULT_MODEL, load_settings
from pipeline.taxonomy import Taxonomy
from pipeline.taxonomy_changes import Projection
from pipeline.text import Lexicon, Segmenter

logger = logging.getLogger(__name__)


ReadBert = Callable[[Path], Classifier]  # makes what runs the BERT of a folder


def read_bert(runtime: Runtime) -> ReadBert:
    """Return what has OpenVINO run a folder's BERT."""

    def read(folder: Path) -> Classifier:
        from pipeline.classify.bert import BertClassifier  # noqa: PLC0415 - only what the folder needs is loaded

        return BertClassifier.load(folder, runtime)

    return read


def _linear(folder: Path, segmenter: Segmenter, _: ReadBert | None) -> Classifier:
    from pipeline.classify.linear import LinearClassifier  # noqa: PLC0415

    return LinearClassifier.load(folder, segmenter)


def _bert(folder: Path, _: Segmenter, bert: ReadBert | None) -> Classifier:
    if bert is None:
        raise ModelError("model_kind", f"{folder} has nothing but a BERT: it cannot answer without it")
    return bert(folder)


def _mixture(folder: Path, segmenter: Segmenter, bert: ReadBert | None) -> Classifier:
    from pipeline.classify.mixture import MixtureClassifier  # noqa: PLC0415

    return MixtureClassifier.load(folder, segmenter, bert and bert(folder))


LOADERS: Mapping[str, Callable[[Path, Segmenter, ReadBert | None], Classifier]] = {
    "linear": _linear,
    "bert": _bert,
    "bert+linear": _mixture,
}
_ANY_CORES = read_bert(Runtime())
ONE_CORE = read_bert(Runtime(threads=1))
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
    without_bert: bool = False  # a mixture whose linear part has to answer everything

    @classmethod
    def load(
        cls,
        folder: Path = DEFAULT_MODEL,
        taxonomy: Taxonomy | None = None,
        lexicon: Lexicon | None = None,
        *,
        bert: ReadBert | None = _ANY_CORES,
    ) -> "Model":
        """Read a model folder for a taxonomy and a lexicon (the project's unless given).

        `bert` runs the folder's BERT, if it has one; with None a mixture answers by its linear part alone, and is
        another model.

        A model made for a former tree is taken if each of its causes is one of the present tree or became one; what it
        is blind to is logged. Raises ModelError if the folder is missing or damaged, or was made for another lexicon or
        for a tree with a cause that was split since or never belonged to this one, or cannot do without a BERT.
        """
        if str(folder).startswith("models:"):
            raise ModelError("model_missing", f"{folder}: no registry is set up; give the path of a model folder")
        taxonomy, lexicon = taxonomy or Taxonomy.load(), lexicon or Lexicon.load()
        manifest, digest = read_manifest(folder)
        projection = require_match(manifest, folder, taxonomy, lexicon)
        if manifest.kind not in LOADERS:
            raise ModelError("model_kind", f"{folder} is a {manifest.kind!r} model; known are {', '.join(LOADERS)}")
        segmenter = Segmenter(lexicon)
        without_bert = bert is None and manifest.kind == "bert+linear"
        if without_bert:
            manifest, digest = linear_part(manifest, digest, folder)
        classifier = LOADERS[manifest.kind](folder, segmenter, bert)
        model = cls(manifest, digest, classifier, taxonomy, segmenter, projection, without_bert)
        if model.blind_to:
            logger.warning(
                "model %s was made for taxonomy %s and never answers %s of %s; train again",
                model.name, manifest.taxonomy_version, ", ".join(model.blind_to), taxonomy.version,
            )  # fmt: skip
        return model

    @property
    def name(self) -> str:
        """What results call the model: its kind and the head of its digest."""
        kind = "linear-part" if self.without_bert else self.manifest.kind
        return f"{kind}-{self.digest[:_SHOWN]}"

    @property
    def blind_to(self) -> tuple[str, ...]:
        """The causes that were added to the tree after the model was made: their probability is always 0."""
        return self.projection.blind_to if self.projection else ()

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Return calibrated probabilities (n_texts, n_causes), the columns in the order of the taxonomy."""
        return self.prepare(texts)()

    def prepare(self, texts: Sequence[str]) -> Callable[[], Floats]:
        """Do what can be done while other texts are at work; what is returned gives the probabilities."""
        scores = self.classifier.prepare(texts)
        return lambda: self._calibrated(scores())

    def _calibrated(self, scores: Floats) -> Floats:
        """Calibration belongs to the tree that the model was made for, so it comes before the sums."""
        return self.in_present_tree(self.manifest.calibration.apply(scores, self._membership))

    def in_present_tree(self, probabilities: Floats) -> Floats:
        """Add up probabilities of the tree that the model was made for to those of the present one."""
        return probabilities if self.projection is None else probabilities @ self.projection.matrix

    def reading_everything(self) -> "Model":
        """Return the model without its shortcut: every ticket is read by every part."""
        if not isinstance(self.classifier, Mixed):
            return self
        return replace(self, classifier=self.classifier.whole())

    @cached_property
    def _membership(self) -> Floats:
        """The matrix (n_causes, n_types) of the tree that the model was made for."""
        types = list(dict.fromkeys(type_id for _, type_id in self.manifest.tree))
        return np.array([[float(type_id == column) for column in types] for _, type_id in self.manifest.tree])

    def answer(
        self, texts: Sequence[str], settings: ScoreSettings, agent_types: Sequence[str | None] | None = None
    ) -> list[Answer]:
        """Answer prepared narratives; `agent_types` are the type ids the agents chose, None where unknown."""
        return self.decide(self.predict_proba(texts), settings, agent_types) if texts else []

    def decide(
        self, probabilities: Floats, settings: ScoreSettings, agent_types: Sequence[str | None] | None = None
    ) -> list[Answer]:
        """Turn probabilities (n, n_causes) into answers; `agent_types` as `answer` takes them."""
        if not len(probabilities):
            return []
        agents = agent_types if agent_types is not None else [None] * len(probabilities)
        return decide(probabilities, agents, self.taxonomy, self.manifest.thresholds, settings)


@runtime_checkable
class Mixed(Protocol):
    """A classifier that leaves a part of its work out where it may."""

    def whole(self) -> Classifier:
        """Return what leaves nothing out."""


def linear_part(manifest: Manifest, digest: str, folder: Path) -> tuple[Manifest, str]:
    """Return manifest and digest of a mixture that has to do without its BERT: another model, with its own thresholds.

    Raises ModelError if the folder does not say what is safe to accept then.
    """
    if not (folder / SHORTCUT).is_file():
        raise ModelError("model_kind", f"{folder} has no {SHORTCUT}: its linear part was never measured alone")
    thresholds = load_settings(folder / SHORTCUT, Shortcut).thresholds
    other = hashlib.sha256(f"{digest} without its BERT".encode()).hexdigest()
    return manifest.model_copy(update={"thresholds": thresholds}), other
