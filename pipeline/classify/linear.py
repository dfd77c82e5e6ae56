"""The linear model: jieba words and character n-grams, TF-IDF, one softmax over the causes."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfVectorizer

from pipeline.classify.base import Floats
from pipeline.classify.calibrate import probabilities
from pipeline.settings import Settings
from pipeline.text import Segmenter

KIND = "linear"
WEIGHTS, VOCABULARY = "weights.npz", "vocabulary.json"
Range = tuple[int, int]


class Features(Settings):
    """Which n-grams count: (shortest, longest) in words and in characters, in at least `min_df` narratives."""

    words: Range
    characters: Range
    min_df: int


class LinearClassifier:
    """Scores = TF-IDF features @ coefficients + intercepts; from `pipeline.train.linear` or from a folder."""

    def __init__(
        self, words: TfidfVectorizer, characters: TfidfVectorizer, coefficients: NDArray[np.float32], intercepts: Floats
    ) -> None:
        """Take fitted vectorizers, `coefficients` (n_features, n_causes) and `intercepts` (n_causes,)."""
        self.words = words
        self.characters = characters
        self.coefficients = coefficients
        self.intercepts = intercepts

    @classmethod
    def load(cls, folder: Path, segmenter: Segmenter) -> "LinearClassifier":
        """Read the files that `to_files` wrote."""
        vocabulary = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
        features = Features.model_validate(vocabulary["features"])
        words, characters = vectorizers(features, segmenter)
        with np.load(folder / WEIGHTS, allow_pickle=False) as arrays:
            for vectorizer, name in ((words, "words"), (characters, "characters")):
                vectorizer.set_params(vocabulary={term: index for index, term in enumerate(vocabulary[name])})
                vectorizer.idf_ = arrays[f"{name}_idf"]
            return cls(words, characters, arrays["coefficients"].astype(np.float32), arrays["intercepts"])

    def to_files(self, features: Features) -> dict[str, bytes]:
        """Return the model's files. Coefficients are kept in half precision, which changes no probability by 0.001."""
        names: Mapping[str, TfidfVectorizer] = {"words": self.words, "characters": self.characters}
        terms = {name: sorted(part.vocabulary_, key=part.vocabulary_.__getitem__) for name, part in names.items()}
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            coefficients=self.coefficients.astype(np.float16),
            intercepts=self.intercepts,
            words_idf=self.words.idf_,
            characters_idf=self.characters.idf_,
        )
        vocabulary = json.dumps({"features": features.model_dump(), **terms}, ensure_ascii=False)
        return {WEIGHTS: buffer.getvalue(), VOCABULARY: vocabulary.encode()}

    def features(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Return the TF-IDF matrix (n_texts, n_features) of prepared narratives."""
        return sparse.hstack([self.words.transform(texts), self.characters.transform(texts)], format="csr")

    @property
    def threads(self) -> int:
        """It works on one core."""
        return 1

    def prepare(self, texts: Sequence[str]) -> Callable[[], Floats]:
        """Return what gives the scores of narratives."""
        return partial(self.scores, texts)

    def scores(self, texts: Sequence[str]) -> Floats:
        """Return unnormalised log-probabilities (n_texts, n_causes)."""
        result: Floats = np.asarray(self.features(texts) @ self.coefficients, dtype=np.float64) + self.intercepts
        return result

    def vectors(self, texts: Sequence[str]) -> csr_array:
        """Return the TF-IDF features (n_texts, n_features) of narratives."""
        return csr_array(self.features(texts))

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Return uncalibrated probabilities (n_texts, n_causes)."""
        return probabilities(self.scores(texts))


def vectorizers(features: Features, segmenter: Segmenter) -> tuple[TfidfVectorizer, TfidfVectorizer]:
    """Make the two unfitted vectorizers: over jieba words, and over characters."""
    common = {"min_df": features.min_df, "sublinear_tf": True, "dtype": np.float32}
    words = TfidfVectorizer(tokenizer=segmenter.words, token_pattern=None, ngram_range=features.words, **common)
    characters = TfidfVectorizer(analyzer="char", ngram_range=features.characters, **common)
    return words, characters
