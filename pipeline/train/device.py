"""The BERT of a model folder on a GPU: PyTorch runs what OpenVINO runs on processors."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from pipeline.classify.base import Classifier, Floats
from pipeline.classify.bert import WindowClassifier, load_windows, read_windows
from pipeline.classify.folder import read_manifest
from pipeline.classify.model import ReadBert
from pipeline.classify.windows import TextWindows, Windows
from pipeline.errors import ConfigError
from pipeline.train.reader import Reader, run_batches
from pipeline.train.restore import restore

_BATCH_TOKENS = 65_536  # of a batch, with what fills up its shorter windows: a GPU is idle with less


class DeviceBert(WindowClassifier):
    """Gives the scores that `BertClassifier` gives, in half precision where the device has it."""

    def __init__(self, reader: Reader, windows: Windows, device: torch.device) -> None:
        """Move a restored reader to a device."""
        self.windows, self.device = windows, device
        self.reader = reader.to(device).eval()

    @property
    def threads(self) -> int:
        """Two: the next chunks are read beside the one that is at work."""
        return 2

    def _read(self, cut: Sequence[TextWindows], values: str) -> Floats:
        run = partial(run_batches, self.reader.windows if values == "scores" else self.reader.vectors, self.device)
        half = _half(self.device)
        with torch.inference_mode(), torch.autocast(self.device.type, half, enabled=half is not None):
            return read_windows(cut, self.windows.settings.pad, run, _BATCH_TOKENS)


def on_device(name: str) -> ReadBert:
    """Return what runs a folder's BERT on a device ("cuda", "cuda:1"; "cpu" for a comparison).

    Raises ConfigError if the device is not there.
    """
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError("device_missing", f"{name}: PyTorch finds no GPU here; score without --device")
    device = torch.device(name)

    def read(folder: Path) -> Classifier:
        causes = [cause for cause, _ in read_manifest(folder)[0].tree]
        reader = restore(folder, np.eye(len(causes)))  # types are summed up elsewhere
        return DeviceBert(reader, load_windows(folder), device)

    return read


def _half(device: torch.device) -> torch.dtype | None:
    """Return bf16 or fp16, whichever the GPU computes by itself; None on a processor, which stays in fp32."""
    if device.type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
