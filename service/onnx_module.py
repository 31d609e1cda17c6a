"""A sentence-transformers module that runs its transformer in ONNX Runtime.

sentence-transformers has an ONNX backend, but it needs a package that holds sentence-transformers
itself back by a major version. What is needed here is one graph and one tokenizer, so this module
takes the place of `Transformer` in front of the usual pooling and normalisation. `modules.json` of
the bundled model names it, and ``SentenceTransformer(folder, trust_remote_code=True)`` loads it:
the flag is asked for because the class lies outside of sentence-transformers' own package.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import torch
from sentence_transformers.base.modules.input_module import InputModule
from tokenizers import Tokenizer

GRAPH_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
CONFIG_FILE = "onnx_config.json"


class OnnxTransformer(InputModule):
    """Texts to token vectors. Safe to call from several threads."""

    config_file_name = CONFIG_FILE
    config_keys = ["max_seq_length"]  # noqa: RUF012 (the base class declares it like this)

    def __init__(self, folder: Path, *, max_seq_length: int, threads: int = 1) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.folder = folder
        self.max_seq_length = max_seq_length
        self.tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        # Padding and truncation are done below: the tokenizer's own would be state that threads
        # share.
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        padding = self.tokenizer.token_to_id("<pad>")
        self._padding = 0 if padding is None else padding
        self._session = open_graph(folder / GRAPH_FILE, threads)
        self.embedding_dimension = int(self._session.get_outputs()[0].shape[-1])

    def get_embedding_dimension(self) -> int:
        """Width of the token vectors."""
        return self.embedding_dimension

    def preprocess(
        self, inputs: Sequence[Any], prompt: str | None = None, **kwargs: Any
    ) -> dict[str, torch.Tensor]:
        """Token numbers and mask, both (texts, longest text).

        As in any sentence-transformers model, tokens beyond `max_seq_length` are cut off;
        `service.encoder.SentenceEncoder` sees to it that there are none.
        """
        texts = [(prompt or "") + str(text) for text in inputs]
        encodings = self.tokenizer.encode_batch(texts)
        return self.features([self._shortened(encoding.ids) for encoding in encodings])

    def features(self, tokens: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
        """The same from token numbers, special ones included."""
        longest = max(map(len, tokens))
        ids = np.full((len(tokens), longest), self._padding, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, numbers in enumerate(tokens):
            ids[row, : len(numbers)] = numbers
            mask[row, : len(numbers)] = 1
        return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Add `token_embeddings`, (texts, longest text, width), to the features.

        And `middle_embeddings` of the same shape, if the graph gives away what its lower layers
        made: a verifier reads on from there.
        """
        inputs = {name: features[name].numpy() for name in ("input_ids", "attention_mask")}
        found = self._session.run(None, inputs)
        features["token_embeddings"] = torch.from_numpy(found[0])
        if len(found) > 1:
            features["middle_embeddings"] = torch.from_numpy(found[1])
        return features

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """Copy the graph, the tokenizer and the settings."""
        for name in (GRAPH_FILE, TOKENIZER_FILE, CONFIG_FILE):
            shutil.copyfile(self.folder / name, Path(output_path) / name)

    @classmethod
    def load(  # type: ignore[override]
        cls,
        model_name_or_path: str,
        subfolder: str = "",
        model_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> OnnxTransformer:
        """Load from a local folder. ``model_kwargs={"threads": n}`` sets the inference threads."""
        folder = Path(model_name_or_path) / subfolder
        settings = json.loads((folder / CONFIG_FILE).read_text("utf-8"))
        threads = int((model_kwargs or {}).get("threads", 1))
        return cls(folder, max_seq_length=settings["max_seq_length"], threads=threads)

    def _shortened(self, numbers: list[int]) -> list[int]:
        if len(numbers) <= self.max_seq_length:
            return numbers
        return [*numbers[: self.max_seq_length - 1], numbers[-1]]


def open_graph(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """A graph, ready to run on the processor; calls from several threads are safe."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait take the processor from the ones that work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
