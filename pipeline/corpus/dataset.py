"""The corpus as a `datasets.DatasetDict`, in its fixed splits."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.corpus.load import SPLITS, load_labelled
from pipeline.corpus.split import splits_of
from pipeline.taxonomy import Taxonomy

if TYPE_CHECKING:
    from datasets import DatasetDict


def load_dataset_dict(path: Path, taxonomy: Taxonomy) -> "DatasetDict":
    """Return the labelled narratives of a file or folder as train, calibration and test.

    Columns: id, text (normalised, masked, without topic), type, cause (None where only the type is labelled), label
    (the cause's column in the taxonomy, -1 for None), style. Raises what `load_labelled` raises; needs the `train`
    extra.
    """
    from datasets import Dataset, DatasetDict  # noqa: PLC0415 - an extra

    rows = load_labelled(path, taxonomy)
    splits = splits_of(rows)
    column = {cause: index for index, cause in enumerate(taxonomy.cause_ids)}
    return DatasetDict(
        {
            name: Dataset.from_list(
                [
                    {
                        "id": row.id,
                        "text": row.text,
                        "type": row.type,
                        "cause": row.cause,
                        "label": column[row.cause] if row.cause is not None else -1,
                        "style": row.style,
                    }
                    for row, split in zip(rows, splits, strict=True)
                    if split == name
                ]
            )
            for name in SPLITS
        }
    )
