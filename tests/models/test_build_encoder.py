"""The encoder's builder, on a tiny file of the same format: what is unpacked, what is kept, what transformers loads."""

import importlib
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from pipeline.settings import ROOT

WIDTH, LAYERS, FFN, POSITIONS, TYPES = 32, 1, 64, 16, 2
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "停", "电", "停电", "▁de", "a", "。", "2018", "かな", "ß", "<mask>"]
KEPT = ["<s>", "<pad>", "</s>", "<unk>", "▁", "停", "电", "停电", "a", "。", "2018", "<mask>"]


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(ROOT / "models")
    yield importlib.import_module("build_encoder")
    sys.modules.pop("build_encoder", None)


def _quantised(values: np.ndarray) -> bytes:
    """Pack as Q4_0: blocks of 32 with one fp16 scale; low nibbles are the first 16."""
    packed = b""
    for block in values.reshape(-1, 32):
        nibbles = np.round(block / 0.5).astype(int) + 8
        packed += np.float16(0.5).tobytes() + (nibbles[:16] | nibbles[16:] << 4).astype(np.uint8).tobytes()
    return packed


def _file(tensors: dict[str, tuple[int, np.ndarray]]) -> bytes:
    encoded = [piece.encode() for piece in PIECES]
    offsets = np.cumsum([0, *map(len, encoded)]).astype("<u4")
    head = b"E5S1" + struct.pack("<I7ifi", 1, WIDTH, LAYERS, 2, FFN, len(PIECES), POSITIONS, TYPES, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, sum(map(len, encoded)))
    head += offsets.tobytes() + np.linspace(0, -3, len(PIECES)).astype("<f4").tobytes() + b"".join(encoded)
    head += struct.pack("<iI", 1, 5) + b"\x01\x00\x00\x00\x00" + struct.pack("<i", len(tensors))
    at = len(head) + sum(2 + len(name) + 1 + 4 + 8 + 8 for name in tensors)
    directory, body = b"", b""
    for name, (kind, values) in tensors.items():
        data = _quantised(values) if kind else values.astype("<f4").tobytes()
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, values.size, at + len(body), len(data))
        body += data
    return head + directory + body


@pytest.fixture
def tensors() -> dict[str, tuple[int, np.ndarray]]:
    source = np.random.default_rng(1)

    def four_bits(rows: int, columns: int) -> tuple[int, np.ndarray]:
        return 1, source.integers(-8, 8, (rows, columns)) * 0.5

    def plain(size: int) -> tuple[int, np.ndarray]:
        return 0, source.normal(size=size)

    found = {
        "emb.word": four_bits(len(PIECES), WIDTH), "emb.pos": four_bits(POSITIONS, WIDTH),
        "emb.type": four_bits(TYPES, WIDTH), "emb.ln.w": plain(WIDTH), "emb.ln.b": plain(WIDTH),
    }  # fmt: skip
    for part, (rows, columns) in {
        "q": (WIDTH, WIDTH), "k": (WIDTH, WIDTH), "v": (WIDTH, WIDTH), "ao": (WIDTH, WIDTH),
        "fi": (FFN, WIDTH), "fo": (WIDTH, FFN),
    }.items():  # fmt: skip
        found |= {f"l0.{part}.w": four_bits(rows, columns), f"l0.{part}.b": plain(rows)}
    for part in ("aln", "oln"):
        found |= {f"l0.{part}.w": plain(WIDTH), f"l0.{part}.b": plain(WIDTH)}
    return found


def test_four_bits_and_floats_are_unpacked_as_they_were_packed(
    builder: ModuleType, tensors: dict[str, tuple[int, np.ndarray]]
) -> None:
    packed = builder.read_packed(_file(tensors))
    assert packed.pieces == PIECES
    assert (packed.hidden, packed.layers, packed.positions) == (WIDTH, LAYERS, POSITIONS)
    for name, (_, values) in tensors.items():
        assert packed.tensors[name] == pytest.approx(values, abs=1e-6), name
        assert packed.tensors[name].shape == values.shape


def test_the_folder_is_what_transformers_loads_with_the_kept_pieces_only(
    builder: ModuleType, tensors: dict[str, tuple[int, np.ndarray]], tmp_path: Path
) -> None:
    builder.write(builder.read_packed(_file(tensors)), tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert [tokenizer.convert_ids_to_tokens(at) for at in range(len(tokenizer))] == KEPT
    assert tokenizer.convert_ids_to_tokens(tokenizer("停电。ß")["input_ids"]) == [
        "<s>",
        "▁",
        "停电",
        "。",
        "<unk>",
        "</s>",
    ]
    model, told = AutoModel.from_pretrained(
        tmp_path, output_loading_info=True, add_pooling_layer=False, dtype=torch.float32
    )
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    table = model.embeddings.word_embeddings.weight.detach().numpy()
    assert table == pytest.approx(tensors["emb.word"][1][[PIECES.index(piece) for piece in KEPT]])


def test_another_file_is_refused(builder: ModuleType) -> None:
    with pytest.raises(SystemExit, match="format E5S1"):
        builder.read_packed(b"GGUF" + bytes(100))


@pytest.mark.parametrize(
    ("piece", "needed"),
    [
        ("停电", True),
        ("▁停", True),
        ("12.5", True),
        ("▁A", True),
        ("“", True),
        ("kV", False),
        ("かな", False),
        ("é", False),
    ],
)
def test_what_a_chinese_ticket_can_need(builder: ModuleType, piece: str, needed: bool) -> None:
    assert builder.is_needed(piece) is needed
