"""The bundled encoder's weights as an ordinary fp32 torch model.

The plain app should run the same weights, and the repository holds them only as 4-bit blocks in
the ONNX graph. So they are read from there, unpacked to fp32 and put into transformers'
`BertModel`, the architecture the graph was made from. What the graph adds for speed (8-bit
products, factors that smooth outliers) is left out or taken back: the torch model is the more
exact one of the two.

The graph is read without the `onnx` package, which the service doesn't need either: a few fields
of three protobuf messages are all that is in it.

``python -m bench.weights FOLDER`` writes a folder that `SentenceTransformer(FOLDER)` loads.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.encoder import BUNDLED

MODEL = Path(__file__).resolve().parent.parent / "models" / BUNDLED
HEADS = 12
EPSILON = 1e-12
"""As in the E5 models; the graph keeps both of them with its nodes, which are not read."""
_BLOCK = 32
_TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64, 10: np.float16}
_GRAPH, _INITIALIZER = 7, 5
_DIMS, _TYPE, _NAME, _RAW = 1, 2, 8, 9

Tensors = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float32]


def initializers(path: Path) -> dict[str, NDArray[Any]]:
    """The constants of an ONNX graph by name."""
    found = {}
    model = memoryview(path.read_bytes())
    for number, graph in _fields(model):
        if number == _GRAPH and isinstance(graph, memoryview):
            for inner, message in _fields(graph):
                if inner == _INITIALIZER and isinstance(message, memoryview):
                    name, value = _tensor(message)
                    found[name] = value
    return found


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a protobuf message: numbers, and bytes of strings and inner messages."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            length, at = _varint(message, at)
        else:
            length = {1: 8, 5: 4}[kind]
        yield tag >> 3, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _tensor(message: memoryview) -> tuple[str, NDArray[Any]]:
    shape: list[int] = []
    name, kind, raw = "", 0, memoryview(b"")
    for number, value in _fields(message):
        if isinstance(value, int):
            if number == _DIMS:
                shape.append(value)
            elif number == _TYPE:
                kind = value
        elif number == _DIMS:
            shape += _packed(value)
        elif number == _NAME:
            name = bytes(value).decode()
        elif number == _RAW:
            raw = value
    return name, np.frombuffer(raw, _TYPES[kind]).reshape(shape)


def _packed(values: memoryview) -> list[int]:
    numbers, at = [], 0
    while at < len(values):
        number, at = _varint(values, at)
        numbers.append(number)
    return numbers


def bert_state(tensors: Tensors) -> dict[str, Floats]:
    """The parameters of `BertModel` by their names there."""
    words = tensors["words.nibbles"]
    nibbles = np.stack([words & 15, words >> 4], axis=-1).reshape(len(words), -1)
    state = {
        "embeddings.word_embeddings.weight": _dense(nibbles, tensors["words.scales"]),
        # The vector of the only token type is part of the positions.
        "embeddings.position_embeddings.weight": _floats(tensors["positions"]),
        "embeddings.token_type_embeddings.weight": np.zeros((2, nibbles.shape[1]), np.float32),
        **_pair("embeddings.LayerNorm", tensors, "emb.ln"),
    }
    for layer in range(layers_of(tensors)):
        state |= _layer(tensors, f"l{layer}", f"encoder.layer.{layer}")
    return state


def layers_of(tensors: Tensors) -> int:
    """How many layers the graph has."""
    return len({name for name in tensors if re.fullmatch(r"l\d+\.fi\.b", name)})


def _layer(tensors: Tensors, ours: str, theirs: str) -> dict[str, Floats]:
    places = {
        "q": "attention.self.query",
        "k": "attention.self.key",
        "v": "attention.self.value",
        "ao": "attention.output.dense",
        "fi": "intermediate.dense",
        "fo": "output.dense",
    }
    state: dict[str, Floats] = {}
    for name, place in places.items():
        state[f"{theirs}.{place}.weight"] = _matrix(tensors, f"{ours}.{name}.w")
        state[f"{theirs}.{place}.bias"] = _floats(tensors[f"{ours}.{name}.b"])
    # The graph smooths the inputs of the layer behind attention in the values' outputs.
    state[f"{theirs}.attention.self.value.bias"] *= tensors[f"{ours}.ao.smooth"]
    return {
        **state,
        **_pair(f"{theirs}.attention.output.LayerNorm", tensors, f"{ours}.aln"),
        **_pair(f"{theirs}.output.LayerNorm", tensors, f"{ours}.oln"),
    }


def _pair(theirs: str, tensors: Tensors, ours: str) -> dict[str, Floats]:
    return {
        f"{theirs}.weight": _floats(tensors[f"{ours}.w"]),
        f"{theirs}.bias": _floats(tensors[f"{ours}.b"]),
    }


def _matrix(tensors: Tensors, name: str) -> Floats:
    halves = tensors[f"{name}.nibbles"]
    return _dense(np.concatenate([halves & 15, halves >> 4], axis=1), tensors[f"{name}.scales"])


def _dense(nibbles: NDArray[np.uint8], scales: NDArray[np.float16]) -> Floats:
    rows, columns = nibbles.shape
    blocks = nibbles.reshape(rows, columns // _BLOCK, _BLOCK).astype(np.float32) - 8.0
    steps = scales.astype(np.float32).reshape(rows, columns // _BLOCK, 1)
    return _floats((blocks * steps).reshape(rows, columns))


def _floats(values: NDArray[Any]) -> Floats:
    return np.array(values, dtype=np.float32)


def write(folder: Path) -> None:
    """Write the torch model as a sentence-transformers folder."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    tensors = initializers(MODEL / "model.onnx")
    state = {name: torch.from_numpy(value) for name, value in bert_state(tensors).items()}
    vocabulary, width = state["embeddings.word_embeddings.weight"].shape
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=layers_of(tensors),
        num_attention_heads=HEADS,
        intermediate_size=len(tensors["l0.fi.b"]),
        max_position_embeddings=len(tensors["positions"]),
        layer_norm_eps=EPSILON,
        pad_token_id=1,
    )
    bert = BertModel(config, add_pooling_layer=False)
    bert.load_state_dict(state)
    raw = folder / "transformer"
    bert.save_pretrained(raw)
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_file=str(MODEL / "tokenizer.json"),
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        model_max_length=len(tensors["positions"]),
    )
    tokenizer.save_pretrained(raw)
    first = Transformer(str(raw))
    model = SentenceTransformer(
        modules=[first, Pooling(width), Normalize()],
        prompts={"query": "query: "},
        default_prompt_name="query",
        device="cpu",
    )
    model.save(str(folder / "model"))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
