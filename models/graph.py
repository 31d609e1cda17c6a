"""The ONNX graph of the encoder, written node by node.

Three things decide its shape, all measured (see README.md):

- One text's vector must not depend on its neighbours in the batch, so no scale is taken over a
  whole tensor at run time. Activations are quantised with scales fixed beforehand ("static"),
  except the inner layer of the feed-forward part, whose outliers differ a hundredfold between
  tokens: there each token has a scale of its own.
- Outlier channels would waste most of a static scale's 256 steps, so each channel is divided by a
  factor first and the weights behind it multiplied by the same (as in SmoothQuant).
- The weights are kept as the 4-bit blocks of the source, bit for bit. ONNX Runtime folds the
  nodes that turn them into 8-bit matrices once, when it loads the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

CONTRIB = "com.microsoft"
BLOCK = 32
INNER_ZERO = 16
"""Zero point of the token-wise 8-bit scale: GELU never falls below `INNER_LOWEST`."""
INNER_LOWEST = 0.17
FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Packed:
    """A matrix in 4-bit blocks: value = (nibble - 8) * scale of its block."""

    nibbles: NDArray[np.uint8]
    """(rows, columns), 0 to 15."""
    scales: NDArray[np.float16]
    """(rows, columns / 32)"""

    def dense(self) -> FloatArray:
        """(rows, columns)"""
        rows, columns = self.nibbles.shape
        blocks = self.nibbles.reshape(rows, columns // BLOCK, BLOCK).astype(np.float32) - 8.0
        return (blocks * self.scales.astype(np.float32)[:, :, None]).reshape(rows, columns)

    def paired(self) -> NDArray[np.uint8]:
        """(rows, columns / 2): even columns in the low nibble, odd ones in the high."""
        return self.nibbles[:, 0::2] | (self.nibbles[:, 1::2] << 4)

    def halved(self) -> NDArray[np.uint8]:
        """(rows, columns / 2): left columns in the low nibble, right ones in the high."""
        half = self.nibbles.shape[1] // 2
        return self.nibbles[:, :half] | (self.nibbles[:, half:] << 4)

    def rows(self, wanted: NDArray[np.int64]) -> Packed:
        """Some of the rows."""
        return Packed(self.nibbles[wanted], self.scales[wanted])


@dataclass(frozen=True)
class Weights:
    """The encoder as read from the source."""

    words: Packed
    """(vocabulary, width)"""
    plain: Mapping[str, FloatArray]
    """Positions, biases and layer norms by their names in the source."""
    packed: Mapping[str, Packed]
    """Matrices (outputs, inputs) by their names in the source."""
    layers: int
    heads: int
    epsilon: float

    @property
    def width(self) -> int:
        return self.words.nibbles.shape[1]


@dataclass(frozen=True)
class Range:
    """What the inputs of one matrix were seen to be."""

    low: float
    high: float
    smooth: FloatArray
    """(inputs,): the factor each channel is divided by; `low` and `high` are after that."""

    @property
    def scale(self) -> float:
        return (self.high - self.low) / 255.0

    @property
    def zero(self) -> int:
        return round(-self.low / self.scale)


class Graph:
    """Collects nodes and constants; every method returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: NDArray[np.generic] | np.generic) -> str:
        """Add a constant, once."""
        if name not in self.constants:
            array = np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value)
            self.constants[name] = numpy_helper.from_array(array, name)
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: object) -> str:
        """Add a node of the standard operators."""
        self.nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def contrib(self, operator: str, inputs: list[str], output: str, **attributes: object) -> str:
        """Add a node of ONNX Runtime's own operators."""
        self.nodes.append(
            helper.make_node(operator, inputs, [output], output, domain=CONTRIB, **attributes)
        )
        return output

    def gathered(self, name: str, matrix: Packed, rows: str) -> str:
        """Some rows of a matrix in 4-bit blocks, as float32; the rest stays packed in memory."""
        data = self.constant(f"{name}.nibbles", matrix.paired())
        stored = self.constant(f"{name}.scales", matrix.scales)
        scales = self.node("Cast", [stored], f"{name}.scales32", to=TensorProto.FLOAT)
        return self.contrib(
            "GatherBlockQuantized",
            [data, rows, scales],
            f"{name}.values",
            gather_axis=0,
            quantize_axis=1,
            block_size=BLOCK,
            bits=4,
        )

    def unpacked(self, name: str, matrix: Packed) -> str:
        """A whole matrix in 4-bit blocks, as float32.

        Written in standard operators because ONNX Runtime folds no others.
        """
        rows, columns = matrix.nibbles.shape
        data = self.constant(f"{name}.nibbles", matrix.halved())
        low = self.node("BitwiseAnd", [data, self.constant("fifteen", np.uint8(15))], f"{name}.low")
        four = self.constant("four", np.uint8(4))
        high = self.node("BitShift", [data, four], f"{name}.high", direction="RIGHT")
        both = self.node("Concat", [low, high], f"{name}.both", axis=1)
        both = self.node("Cast", [both], f"{name}.both32", to=TensorProto.FLOAT)
        both = self.node("Sub", [both, self.constant("eight", np.float32(8))], f"{name}.signed")
        blocks = self.constant(
            f"blocks.{rows}.{columns}", np.array([rows, columns // BLOCK, BLOCK], np.int64)
        )
        whole = self.constant(f"whole.{rows}.{columns}", np.array([rows, columns], np.int64))
        both = self.node("Reshape", [both, blocks], f"{name}.blocks")
        stored = self.constant(f"{name}.scales", matrix.scales[:, :, None])
        scales = self.node("Cast", [stored], f"{name}.scales32", to=TensorProto.FLOAT)
        both = self.node("Mul", [both, scales], f"{name}.scaled")
        return self.node("Reshape", [both, whole], f"{name}.values")

    def normalise(self, weights: Weights, x: str, prefix: str, output: str) -> str:
        """Layer norm. (SkipLayerNormalization is four times slower than Add and this.)"""
        scale = self.constant(f"{prefix}.w", weights.plain[f"{prefix}.w"])
        bias = self.constant(f"{prefix}.b", weights.plain[f"{prefix}.b"])
        return self.node(
            "LayerNormalization", [x, scale, bias], output, axis=-1, epsilon=weights.epsilon
        )


class Linear(Protocol):
    """How a graph multiplies by the weights. `bench.py` has others to compare with."""

    def several(self, x: str, prefix: str, names: list[str]) -> list[str]:
        """The outputs of layers that share an input."""

    def one(self, x: str, name: str) -> str:
        """The output of one layer."""

    def attended(self, x: str, name: str) -> str:
        """The output of the layer behind attention."""

    def inner(self, x: str, name: str) -> str:
        """The output of the layer behind GELU."""


class ByteLinear:
    """Linear layers with 8-bit inputs and weights, each text for itself."""

    def __init__(self, graph: Graph, weights: Weights, ranges: Mapping[str, Range]) -> None:
        self.graph, self.weights, self.ranges = graph, weights, ranges

    def several(self, x: str, prefix: str, names: list[str]) -> list[str]:
        """The outputs of layers that share an input, which is smoothed and quantised once."""
        key = f"{prefix}.{'-'.join(names)}"
        found = self.ranges[f"{prefix}.{names[0]}"]
        factor = self.graph.constant(f"{key}.factor", 1.0 / found.smooth)
        smoothed = self.graph.node("Mul", [x, factor], f"{key}.smoothed")
        quantised, scale, zero = self._fixed(smoothed, key, found)
        return [
            self._product(quantised, scale, zero, f"{prefix}.{name}", found.smooth, bias=True)
            for name in names
        ]

    def one(self, x: str, name: str) -> str:
        """The output of one layer."""
        prefix, last = name.rsplit(".", 1)
        return self.several(x, prefix, [last])[0]

    def attended(self, x: str, name: str) -> str:
        """The layer behind attention. Its smoothing sits in the values' matrix, at no cost."""
        found = self.ranges[name]
        quantised, scale, zero = self._fixed(x, name, found)
        return self._product(quantised, scale, zero, name, found.smooth, bias=True)

    def inner(self, x: str, name: str) -> str:
        """The layer behind GELU: one scale a token."""
        graph = self.graph
        axis = graph.constant("last_axis", np.array([-1], np.int64))
        steps = graph.constant("inner.steps", np.float32(1.0 / (255 - INNER_ZERO)))
        least = graph.constant("inner.least", np.float32(INNER_LOWEST / INNER_ZERO))
        unit = graph.constant("inner.unit", np.float32(1.0))
        zero = graph.constant("inner.zero", np.uint8(INNER_ZERO))
        highest = graph.node("ReduceMax", [x, axis], f"{name}.highest", keepdims=1)
        wanted = graph.node("Mul", [highest, steps], f"{name}.wanted")
        scale = graph.node("Max", [wanted, least], f"{name}.scale")
        scaled = graph.node("Div", [x, scale], f"{name}.scaled")
        quantised = graph.node("QuantizeLinear", [scaled, unit, zero], f"{name}.in")
        product = self._product(quantised, unit, zero, name, None, bias=False)
        rescaled = graph.node("Mul", [product, scale], f"{name}.rescaled")
        bias = graph.constant(f"{name}.b", self.weights.plain[f"{name}.b"])
        return graph.node("Add", [rescaled, bias], f"{name}.sum")

    def _fixed(self, x: str, key: str, found: Range) -> tuple[str, str, str]:
        scale = self.graph.constant(f"{key}.in.scale", np.float32(found.scale))
        zero = self.graph.constant(f"{key}.in.zero", np.uint8(found.zero))
        return self.graph.node("QuantizeLinear", [x, scale, zero], f"{key}.in"), scale, zero

    def _product(
        self,
        quantised: str,
        scale: str,
        zero: str,
        name: str,
        smooth: FloatArray | None,
        *,
        bias: bool,
    ) -> str:
        graph, matrix = self.graph, self.weights.packed[f"{name}.w"]
        dense = matrix.dense()
        if smooth is not None:
            dense = dense * smooth
        steps = _steps(dense)
        values = graph.unpacked(f"{name}.w", matrix)
        if smooth is not None:
            values = graph.node(
                "Mul", [values, graph.constant(f"{name}.smooth", smooth)], f"{name}.w.smoothed"
            )
        column = graph.constant(f"{name}.w.steps", steps[:, None])
        values = graph.node("Div", [values, column], f"{name}.w.stepped")
        values = graph.node("Round", [values], f"{name}.w.rounded")
        values = graph.node("Cast", [values], f"{name}.w.bytes", to=TensorProto.INT8)
        values = graph.node("Transpose", [values], f"{name}.w.transposed", perm=[1, 0])
        outgoing = steps.astype(np.float32)
        added = self.weights.plain[f"{name}.b"]
        if name.endswith(".v"):
            behind = self.ranges[f"{name[:-2]}.ao"].smooth
            outgoing, added = outgoing / behind, added / behind
        inputs = [quantised, values, scale, graph.constant(f"{name}.out.scale", outgoing), zero, ""]
        if bias:
            inputs.append(graph.constant(f"{name}.b", added))
        return graph.contrib("MatMulIntegerToFloat", inputs, f"{name}.out")


def _steps(matrix: FloatArray) -> FloatArray:
    """The size of one 8-bit step for each output (row) of a matrix.

    Processors without VNNI multiply pairs of bytes into 16-bit sums, which two large neighbours of
    one sign would overflow, and grades would depend on the machine. So the steps are wide enough
    that no pair exceeds 128: 255 * 128 fits.
    """
    pairs = matrix.reshape(len(matrix), -1, 2)
    positive = np.maximum(pairs, 0).sum(axis=2)
    negative = np.maximum(-pairs, 0).sum(axis=2)
    largest = np.maximum(positive, negative).max(axis=1)
    return np.maximum(largest, np.float32(1e-6)) / np.float32(127.0)


def encoder_graph(
    weights: Weights, layers: Callable[[Graph], Linear], halfway: int | None = None
) -> onnx.ModelProto:
    """Token ids and mask (batch, length) to token vectors (batch, length, width).

    With `halfway`, also to the vectors behind so many layers, which a verifier reads besides.
    """
    graph = Graph()
    linear = layers(graph)
    words = graph.gathered("words", weights.words, "input_ids")
    # There is one type of token here, so its vector is part of every position.
    positions = graph.constant("positions", weights.plain["positions"])
    zero, one, two = (graph.constant(f"index{i}", np.array([i], np.int64)) for i in range(3))
    shape = graph.node("Shape", ["input_ids"], "shape")
    length = graph.node("Slice", [shape, one, two, zero], "length")
    where = graph.node("Slice", [positions, zero, length, zero], "where")
    x = graph.normalise(weights, graph.node("Add", [words, where], "sum"), "emb.ln", "l0.x")
    mask = graph.node("Cast", ["attention_mask"], "mask", to=TensorProto.INT32)
    for layer in range(weights.layers):
        p = f"l{layer}"
        queries, keys, values = linear.several(x, p, ["q", "k", "v"])
        context = graph.contrib(
            "MultiHeadAttention",
            [queries, keys, values, "", mask],
            f"{p}.context",
            num_heads=weights.heads,
        )
        attended = graph.node("Add", [x, linear.attended(context, f"{p}.ao")], f"{p}.sum1")
        middle = graph.normalise(weights, attended, f"{p}.aln", f"{p}.middle")
        inner = graph.contrib("Gelu", [linear.one(middle, f"{p}.fi")], f"{p}.inner")
        total = graph.node("Add", [middle, linear.inner(inner, f"{p}.fo")], f"{p}.sum2")
        last = layer + 1 == weights.layers
        x = graph.normalise(
            weights, total, f"{p}.oln", "last_hidden_state" if last else f"l{layer + 1}.x"
        )
    if halfway is not None:
        graph.node("Identity", [f"l{halfway}.x"], "middle_state")
    axes = ["batch", "length"]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "encoder",
            [
                helper.make_tensor_value_info("input_ids", TensorProto.INT64, axes),
                helper.make_tensor_value_info("attention_mask", TensorProto.INT64, axes),
            ],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, [*axes, weights.width])
                for name in [x, *([] if halfway is None else ["middle_state"])]
            ],
            list(graph.constants.values()),
        ),
        opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid(CONTRIB, 1)],
        producer_name="pointmark",
    )
    model.ir_version = 10
    return model
