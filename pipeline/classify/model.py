"""A loaded model: the classifier with its calibration, thresholds and taxonomy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.classify.answer import Answer, ScoreSettings, decide
from pipeline.classify.base import Classifier, Floats
from pipeline.classify.folder import Manifest, read_manifest, require_match
from pipeline.errors import ModelError
from pipeline.settings import DEFAULT_MODEL
from pipeline.taxonomy import Taxonomy
from pipeline.text import Lexicon, Segmenter


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
    """Answers prepared narratives (see `pipeline.text.read_narrative`)."""

    manifest: Manifest
    digest: str
    classifier: Classifier
    taxonomy: Taxonomy
    segmenter: Segmenter

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

        Raises ModelError if the folder is missing or damaged, or was made for another taxonomy or lexicon.
        """
        if str(folder).startswith("models:"):
            raise ModelError("model_missing", f"{folder}: no registry is set up; give the path of a model folder")
        taxonomy, lexicon = taxonomy or Taxonomy.load(), lexicon or Lexicon.load()
        manifest, digest = read_manifest(folder)
        require_match(manifest, folder, taxonomy, lexicon)
        if manifest.kind not in LOADERS:
            raise ModelError("model_kind", f"{folder} is a {manifest.kind!r} model; known are {', '.join(LOADERS)}")
        segmenter = Segmenter(lexicon)
        return cls(manifest, digest, LOADERS[manifest.kind](folder, segmenter, threads), taxonomy, segmenter)

    @property
    def name(self) -> str:
        """What results call the model: its kind and the head of its digest."""
        return f"{self.manifest.kind}-{self.digest[:_SHOWN]}"

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Return calibrated probabilities (n_texts, n_causes), the columns in the order of the taxonomy."""
        return self.manifest.calibration.apply(self.classifier.scores(texts), self.taxonomy.membership)

    def answer(
        self, texts: Sequence[str], settings: ScoreSettings, agent_types: Sequence[str | None] | None = None
    ) -> list[Answer]:
        """Answer prepared narratives; `agent_types` are the type ids the agents chose, None where unknown."""
        if not texts:
            return []
        agents = agent_types if agent_types is not None else [None] * len(texts)
        return decide(self.predict_proba(texts), agents, self.taxonomy, self.manifest.thresholds, settings)
