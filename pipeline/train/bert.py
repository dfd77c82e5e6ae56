"""Making the BERT: fine-tuned, exported with smaller weights, mixed with the linear model, calibrated, written down."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Literal

from pydantic import Field
from transformers import AutoTokenizer, PreTrainedTokenizerBase, set_seed

from pipeline.classify.windows import Windows, WindowSettings
from pipeline.errors import ModelError
from pipeline.settings import ROOT, resolve
from pipeline.taxonomy import Taxonomy
from pipeline.train.finish import Trained
from pipeline.train.fit import FitSettings, Lessons, OnEpoch, Watch, fit, no_epoch, unwatched
from pipeline.train.reader import Reader, load_encoder
from pipeline.train.serve import Held, ServedSettings, serve


class BertSettings(ServedSettings, FitSettings):
    """configs/train/bert.yaml."""

    kind: Literal["bert"]
    encoder: str  # a folder, or a hub id where a hub can be reached
    window: int = Field(ge=16)
    overlap: int = Field(ge=0)
    checkpoints: Path


def train_bert(
    settings: BertSettings, watch: Watch = unwatched, *, resume: bool = True, on_epoch: OnEpoch = no_epoch
) -> Trained:
    """Fine-tune, export, calibrate and write a model folder; `on_epoch` is told the figures of every epoch.

    Stopped and started again with the same settings and corpus, it goes on from the last finished epoch and gives the
    same model (unless not to `resume`). Raises CorpusError if there are too few narratives, ModelError if there is no
    encoder or the exported model says something else, and whatever loading the parts raises.
    """
    taxonomy = Taxonomy.load(resolve(settings.taxonomy))
    watch("reading the corpus")
    held = Held.read(settings, taxonomy)

    set_seed(settings.seed)
    reader, windows = load_reader(settings, taxonomy)
    checkpoints = resolve(settings.checkpoints) / _key(settings, held.lessons, taxonomy)
    if not resume:
        shutil.rmtree(checkpoints, ignore_errors=True)
    fit(reader, windows, settings, settings.seed, taxonomy, held.lessons, checkpoints, watch, on_epoch)

    trained = serve(reader, windows, settings, taxonomy, held, watch)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return trained


def load_reader(settings: BertSettings, taxonomy: Taxonomy) -> tuple[Reader, Windows]:
    """Return an untrained reader over the encoder that the settings name, and what cuts narratives for it."""
    encoder = _encoder_name(settings.encoder)
    tokenizer = _tokenizer(encoder)
    reader = Reader(
        load_encoder(encoder),
        taxonomy.membership,
        smoothing=settings.label_smoothing,
        word_dropout=settings.word_dropout,
    )
    reader.marks = tuple(tokenizer.all_special_ids)
    reader.blank = tokenizer.mask_token_id if tokenizer.mask_token_id is not None else tokenizer.unk_token_id
    return reader, Windows(tokenizer.backend_tokenizer, _window_settings(settings, tokenizer))


def _encoder_name(name: str) -> str:
    local = ROOT / name
    return str(local) if local.is_dir() else name


def _tokenizer(encoder: str) -> PreTrainedTokenizerBase:
    try:
        found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(encoder, use_fast=True)
    except (OSError, ValueError) as error:
        raise ModelError(
            "encoder_missing", f"{encoder} holds no tokenizer that transformers can load; make encoder builds one"
        ) from error
    return found


def _window_settings(settings: BertSettings, tokenizer: PreTrainedTokenizerBase) -> WindowSettings:
    return WindowSettings(
        window=settings.window,
        overlap=settings.overlap,
        begin=tokenizer.cls_token_id,
        end=tokenizer.sep_token_id,
        pad=tokenizer.pad_token_id,
    )


def _key(settings: BertSettings, lessons: Lessons, taxonomy: Taxonomy) -> str:
    """Return what checkpoints of one training are called: other rows, another order or setting is anew."""
    # What comes after the epochs, or says where they are kept, is no part of them.
    later = {"output", "checkpoints", "thresholds", "mixed_with", "blend", "weights", "shortcut"}
    told = settings.model_dump(mode="json", exclude=later)
    rows = [[(row.id, row.type, row.cause, row.text) for row in part] for part in (lessons.taught, lessons.hard)]
    return hashlib.sha256(json.dumps([told, taxonomy.sha256, rows], sort_keys=True).encode()).hexdigest()[:12]
