"""A narrative is read: normalised, its bracketed topic cut off, personal data masked, words segmented."""

from pipeline.text.lexicon import Lexicon
from pipeline.text.mask import mask
from pipeline.text.narrative import Narrative, read_narrative
from pipeline.text.normalize import normalize, split_topic
from pipeline.text.segment import Segmenter

__all__ = ["Lexicon", "Narrative", "Segmenter", "mask", "normalize", "read_narrative", "split_topic"]
