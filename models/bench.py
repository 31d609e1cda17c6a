"""The table of README.md: what each way of multiplying costs in speed and in accuracy."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnxruntime
from build import (
    ENGLISH_MODEL,
    HERE,
    MODEL,
    PROMPT,
    SENTENCES,
    TOKENIZER,
    FullPrecision,
    calibrate,
    fetch,
    prune,
    read_lines,
    read_tokens,
    read_weights,
)
from graph import ByteLinear, FloatArray, Graph, Linear, Weights, encoder_graph
from tokenizers import Tokenizer

TOKENS, BATCH, ROUNDS = 24, 32, 12


class _Plain:
    """Layers that treat every input alike."""

    def __init__(self, graph: Graph, weights: Weights) -> None:
        self.graph, self.weights = graph, weights

    def several(self, x: str, prefix: str, names: list[str]) -> list[str]:
        return [self.one(x, f"{prefix}.{name}") for name in names]

    def one(self, x: str, name: str) -> str:
        raise NotImplementedError

    def attended(self, x: str, name: str) -> str:
        return self.one(x, name)

    def inner(self, x: str, name: str) -> str:
        return self.one(x, name)

    def bias(self, name: str) -> str:
        return self.graph.constant(f"{name}.b", self.weights.plain[f"{name}.b"])

    def bytes_(self, name: str) -> tuple[str, str]:
        """The matrix in 8 bits and the size of a step for each of its columns."""
        dense = self.weights.packed[f"{name}.w"].dense().T
        steps = np.abs(dense).max(axis=0) / np.float32(127)
        matrix = np.rint(dense / steps).astype(np.int8)
        return self.graph.constant(f"{name}.w", matrix), self.graph.constant(f"{name}.s", steps)


class _Float(_Plain):
    def one(self, x: str, name: str) -> str:
        matrix = self.graph.constant(f"{name}.w", self.weights.packed[f"{name}.w"].dense().T)
        product = self.graph.node("MatMul", [x, matrix], f"{name}.product")
        return self.graph.node("Add", [product, self.bias(name)], f"{name}.out")


class _WeightOnly(_Plain):
    level = 0

    def one(self, x: str, name: str) -> str:
        packed = self.weights.packed[f"{name}.w"]
        rows, columns = packed.nibbles.shape
        data = self.graph.constant(f"{name}.w", packed.paired().reshape(rows, columns // 32, 16))
        scales = self.graph.constant(f"{name}.s", packed.scales.astype(np.float32))
        return self.graph.contrib(
            "MatMulNBits",
            [x, data, scales, "", "", self.bias(name)],
            f"{name}.out",
            K=columns,
            N=rows,
            bits=4,
            block_size=32,
            accuracy_level=self.level,
        )


class _WeightOnlyByteInputs(_WeightOnly):
    level = 4


class _PerTensor(_Plain):
    def one(self, x: str, name: str) -> str:
        matrix, steps = self.bytes_(name)
        return self.graph.contrib(
            "DynamicQuantizeMatMul", [x, matrix, steps, "", self.bias(name)], f"{name}.out"
        )


class _PerToken(_Plain):
    def one(self, x: str, name: str) -> str:
        graph = self.graph
        matrix, steps = self.bytes_(name)
        axis = graph.constant("axis", np.array([-1], np.int64))
        unit = graph.constant("unit", np.float32(1))
        middle = graph.constant("middle", np.uint8(128))
        size = graph.node("Abs", [x], f"{name}.size")
        size = graph.node("ReduceMax", [size, axis], f"{name}.highest", keepdims=1)
        scale = graph.constant("per127", np.float32(1 / 127))
        scale = graph.node("Mul", [size, scale], f"{name}.scale")
        scaled = graph.node("Div", [x, scale], f"{name}.scaled")
        quantised = graph.node("QuantizeLinear", [scaled, unit, middle], f"{name}.in")
        product = graph.contrib(
            "MatMulIntegerToFloat",
            [quantised, matrix, unit, steps, middle, ""],
            f"{name}.product",
        )
        product = graph.node("Mul", [product, scale], f"{name}.rescaled")
        return graph.node("Add", [product, self.bias(name)], f"{name}.out")


@dataclass(frozen=True)
class _Measured:
    batched: float
    alone: float
    mean: float
    worst: float
    moved: float


def main(work: Path) -> None:
    """Measure every way and print the table."""
    unpacked = fetch(work)
    tokenizer = json.loads((unpacked / TOKENIZER).read_text("utf-8"))
    weights = read_weights(unpacked / MODEL)
    full = FullPrecision(weights, json.loads(json.dumps(tokenizer)))
    texts = read_lines(SENTENCES)
    expected = np.stack([full.encode(text) for text in texts])
    ranges = calibrate(full, read_lines(HERE / "sample.txt"))
    kept = prune(tokenizer, frozenset(read_tokens(unpacked / ENGLISH_MODEL)))
    weights = replace(weights, words=weights.words.rows(kept))
    tokens = [
        encoding.ids
        for encoding in Tokenizer.from_str(json.dumps(tokenizer)).encode_batch(
            [PROMPT + text for text in texts]
        )
    ]
    ways: dict[str, Callable[[Graph], Linear]] = {
        "float32": lambda graph: _Float(graph, weights),
        "4-bit weights only": lambda graph: _WeightOnly(graph, weights),
        "4-bit weights, 8-bit inputs by block": lambda g: _WeightOnlyByteInputs(g, weights),
        "8-bit, one scale a tensor (dynamic)": lambda graph: _PerTensor(graph, weights),
        "8-bit, one scale a token": lambda graph: _PerToken(graph, weights),
        "**8-bit, fixed scales, token scales behind GELU**": lambda graph: ByteLinear(
            graph, weights, ranges
        ),
    }
    print(f"{os.cpu_count()} processors, {platform.machine()}, one thread", file=sys.stderr)
    print(f"| way | texts/s in batches of {BATCH} | texts/s alone | cosine | worst | moves by |")
    print("|---|---|---|---|---|---|")
    for name, way in ways.items():
        found = _measure(encoder_graph(weights, way).SerializeToString(), tokens, expected)
        print(
            f"| {name} | {found.batched:.0f} | {found.alone:.0f} | {found.mean:.4f} | "
            f"{found.worst:.4f} | {found.moved:.0e} |",
            flush=True,
        )


def _measure(graph: bytes, tokens: list[list[int]], expected: FloatArray) -> _Measured:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def run(batch: list[list[int]]) -> FloatArray:
        ids = np.ones((len(batch), max(map(len, batch))), np.int64)
        mask = np.zeros_like(ids)
        for row, numbers in enumerate(batch):
            ids[row, : len(numbers)], mask[row, : len(numbers)] = numbers, 1
        (vectors,) = session.run(None, {"input_ids": ids, "attention_mask": mask})
        means = (vectors * mask[:, :, None]).sum(axis=1)
        rows: FloatArray = means / np.linalg.norm(means, axis=1, keepdims=True)
        return rows

    alone = np.concatenate([run([numbers]) for numbers in tokens])
    together = np.concatenate([run(tokens[at : at + 16]) for at in range(0, len(tokens), 16)])
    cosines = (alone * expected).sum(axis=1)
    words = [numbers for numbers in tokens if len(numbers) >= TOKENS]
    batch = [words[i % len(words)][:TOKENS] for i in range(BATCH)]
    return _Measured(
        batched=BATCH / _seconds(lambda: run(batch)),
        alone=1 / _seconds(lambda: run(batch[:1])),
        mean=float(cosines.mean()),
        worst=float(cosines.min()),
        moved=float(np.abs(alone - together).max()),
    )


def _seconds(work: Callable[[], object]) -> float:
    """Processor time of one call, the best of several: other programs disturb it less than the
    clock on the wall."""
    work()
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)
