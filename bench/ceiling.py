"""The encoder's ceiling: the token batches of answers, straight into ONNX Runtime.

No service can be faster than this with the same model, so the share of it that arrives over HTTP
says what everything else costs: tokenising, marking, HTTP, JSON and the database.

The batches are recorded from the grader at work, not made up again here: what is measured stays the
same work when the grader's windows or the encoder's batches change.

::

    python -m bench.ceiling record FILE COUNT   the batches of so many answers, as an npz file
    python -m bench.ceiling run FILE            for each line "SECONDS" on standard input, run that
                                                long and write one line of JSON
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.answers import QUESTION, take
from bench.weights import MODEL

Batch = dict[str, NDArray[np.int64]]


def record(file: Path, count: int) -> None:
    """Grade answers and write down what reached the graph for each."""
    from torch.nn.modules.module import register_module_forward_pre_hook

    from service.assembly import load_grader
    from service.config import Settings
    from service.domain import Answer
    from service.onnx_module import OnnxTransformer
    from service.seeding import read_question

    grader = load_grader(Settings())
    question = read_question(MODEL.parents[1] / "seed" / f"{QUESTION}.yaml")
    prepared = grader.prepare(question)
    arrays: dict[str, NDArray[np.int64]] = {}
    current = ""

    def note(module: Any, inputs: tuple[Any, ...]) -> None:
        if isinstance(module, OnnxTransformer):
            number = sum(name.startswith(f"{current}/") for name in arrays) // 2
            for name in ("input_ids", "attention_mask"):
                arrays[f"{current}/{number}/{name}"] = inputs[0][name].numpy().copy()

    with register_module_forward_pre_hook(note):
        for index, text in enumerate(take(count)):
            current = str(index)
            grader.grade(prepared, Answer(text=text))
    np.savez(file, allow_pickle=False, **arrays)


def read(file: Path) -> list[list[Batch]]:
    """The batches of each answer."""
    answers: dict[int, dict[int, Batch]] = {}
    with np.load(file) as arrays:
        for key in arrays.files:
            answer, batch, name = key.split("/")
            answers.setdefault(int(answer), {}).setdefault(int(batch), {})[name] = arrays[key]
    return [[parts[i] for i in sorted(parts)] for _, parts in sorted(answers.items())]


def shape(answers: list[list[Batch]]) -> dict[str, float]:
    """What an answer is to the encoder, on average."""
    batches = [batch for answer in answers for batch in answer]
    return {
        "batches": len(batches) / len(answers),
        "texts": sum(len(batch["input_ids"]) for batch in batches) / len(answers),
        "tokens": sum(int(batch["attention_mask"].sum()) for batch in batches) / len(answers),
        "tokens_padded": sum(batch["input_ids"].size for batch in batches) / len(answers),
    }


def run(file: Path) -> None:
    """Run the batches as often as asked to."""
    import onnxruntime  # type: ignore[import-untyped]

    # The options of the service with its default of one thread a worker.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(MODEL / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    answers = read(file)
    for batch in answers[0]:
        session.run(None, batch)
    print("ready", flush=True)
    done = 0
    for line in sys.stdin:
        begun, first = time.perf_counter(), done
        while time.perf_counter() - begun < float(line):
            for batch in answers[done % len(answers)]:
                session.run(None, batch)
            done += 1
        took = time.perf_counter() - begun
        print(json.dumps({"answers": done - first, "seconds": took}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "record":
        record(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        run(Path(sys.argv[2]))
