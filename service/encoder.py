"""Text to vectors, through sentence-transformers.

The bundled model, and any other that sentence-transformers can load, sits behind `SentenceEncoder`.
What the class adds is what a grader needs and a bare model doesn't promise:

- nothing is cut off silently: text beyond the model's limit is read in overlapping windows, and the
  vector is their average, weighted by length;
- blank and odd text is defined;
- a text's vector does not depend on what else is in the call;
- the encoder's name and revision say exactly which files made a vector.

Importing sentence-transformers takes seconds and half a gigabyte. It happens in `load_encoder`, not
on import of this module: load in the process that will use it, after any fork.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import itertools
import json
import logging
import os
import re
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.errors import EncoderMismatch, EncoderNotFound

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Encoding, Tokenizer

BUNDLED = "pointmark-e5-small-zh-en"
CHECKSUMS = "SHA256SUMS"
OWN_MODULE = "service.onnx_module.OnnxTransformer"

# A batch holds this many tokens at most, padding included; more is not faster (models/README.md).
_BATCH_TOKENS = 768
# Windows of a long text share this part of their length, so that a sentence cut by the edge of one
# is whole in the next.
_OVERLAP = 0.25
# Tokens at the edge of a window can fall apart into more than they were.
_SPARE_TOKENS = 8
_UNLIMITED = 1_000_000
_SURROGATE = re.compile("[\ud800-\udfff]")
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Zs"}
_WEIGHT_SUFFIXES = {".bin", ".json", ".model", ".onnx", ".onnx_data", ".safetensors", ".txt"}

Vectors = NDArray[np.float32]
States = NDArray[np.float16]


class Encoded(NamedTuple):
    """Texts as the encoder reads them."""

    vectors: Vectors
    """(n, dimension), unit length."""
    tokens: list[Vectors]
    """n arrays (tokens, dimension), not normalised, without prompt and special tokens."""
    states: list[States]
    """n arrays (tokens, 2 * dimension): the same tokens behind the middle layer of the model, and
    behind the last, for a verifier to read. Empty from a model that doesn't give the middle."""


@dataclass(frozen=True)
class _Window:
    """A stretch of text that fits the model."""

    text: str
    start: int
    """Where it begins in the whole text."""
    encoding: Encoding
    """Its tokens, prompt and special ones included."""


class SentenceEncoder:
    """A sentence-transformers model with a defined answer to every text.

    Safe to use from several threads.
    """

    name: str
    """Folder name or Hugging Face id, e.g. ``pointmark-e5-small-zh-en``."""
    revision: str
    """Hash of the files that make the vectors, or the commit on Hugging Face."""
    dimension: int
    """Length of a vector."""
    max_tokens: int
    """Tokens the model reads at once, prompt and special tokens included."""

    def __init__(
        self, model: SentenceTransformer, *, name: str, revision: str, prompt: str
    ) -> None:
        from service.onnx_module import OnnxTransformer

        self.name = name
        self.revision = revision
        self._model = model
        self._prompt = prompt
        first = model[0]
        self._onnx = first if isinstance(first, OnnxTransformer) else None
        # Tokenizers of transformers keep padding and truncation as state.
        self._lock = contextlib.nullcontext() if self._onnx is not None else threading.Lock()
        self._tokenizer = _own_tokenizer(first, name)
        self._unknown = _unknown_token(first, self._tokenizer)
        self.dimension = int(model.get_embedding_dimension() or 0)
        self.max_tokens = int(model.max_seq_length or _UNLIMITED)
        self._overhead = len(self._tokenizer.encode(prompt).ids)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Embed texts.

        Args:
            texts: any strings. Equal ones are embedded once. Lone surrogates count as U+FFFD.

        Returns:
            (len(texts), dimension), unit length; zeros for a text without visible characters. A
            row depends on its own text only.
        """
        return self.encode_tokens(texts)[0]

    def encode_tokens(self, texts: Sequence[str]) -> Encoded:
        """Embed texts, and every token of them in its context, in the same pass.

        Returns:
            The vectors as `encode` gives them, and arrays of tokens for each text; text over
            `max_tokens` has those of its overlapping windows one after the other. No tokens for a
            blank text, or from a model that has no token vectors.
        """
        unique = list(dict.fromkeys(map(_encodable, texts)))
        windows = [self._windows(text) for text in unique]
        flat = list(itertools.chain.from_iterable(windows))
        vectors, tokens, states = self._embed(flat)
        rows = np.zeros((len(unique), self.dimension), dtype=np.float32)
        rows_tokens: list[Vectors] = []
        rows_states: list[States] = []
        nothing = np.zeros((0, self.dimension), dtype=np.float32)
        no_states = np.zeros((0, 2 * self.dimension), dtype=np.float16)
        at = 0
        for row, parts in enumerate(windows):
            mine = slice(at, at + len(parts))
            if parts:
                rows[row] = _average(vectors[mine], parts)
            rows_tokens.append(np.concatenate([nothing, *tokens[mine]]))
            rows_states.append(np.concatenate([no_states, *states[mine]]))
            at += len(parts)
        places = {text: row for row, text in enumerate(unique)}
        wanted = [places[_encodable(text)] for text in texts]
        return Encoded(
            rows[wanted], [rows_tokens[row] for row in wanted], [rows_states[row] for row in wanted]
        )

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens each text takes, prompt and special tokens included.

        A text with more than `max_tokens` is embedded in windows.
        """
        return [len(encoding.ids) for encoding in self._tokenise([_encodable(t) for t in texts])]

    def unknown_share(self, text: str) -> float:
        """Share of the visible characters that the model has no token for, 0 to 1.

        Those characters all look alike to the model, so a vector of mostly unknown text says
        little. 0 for blank text.
        """
        text = _encodable(text)
        visible = sum(map(_is_visible, text))
        if self._unknown is None or not visible:
            return 0.0
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        unknown = sum(
            _is_visible(character)
            for number, (start, end) in zip(encoding.ids, encoding.offsets, strict=True)
            if number == self._unknown
            for character in text[start:end]
        )
        return unknown / visible

    def _windows(self, text: str) -> list[_Window]:
        """The text as windows that fit the model; none if it holds nothing to read."""
        if not any(map(_is_visible, text)):
            return []
        (encoding,) = self._tokenise([text])
        whole = _Window(text=text, start=0, encoding=encoding)
        spans = [span for o in encoding.offsets if (span := self._place(whole, o)) is not None]
        if not spans:
            return []
        if len(encoding.ids) <= self.max_tokens:
            return [whole]
        return [
            _Window(text=text[start:end], start=start, encoding=encoding)
            for start, end, encoding in self._cut(text, spans)
        ]

    def _cut(self, text: str, spans: list[tuple[int, int]]) -> Iterator[tuple[int, int, Encoding]]:
        """Windows of equal length over the tokens at `spans`, as stretches of the text."""
        size = max(1, self.max_tokens - self._overhead - _SPARE_TOKENS)
        step = max(1, round(size * (1 - _OVERLAP)))
        count = 1 + max(0, -(-(len(spans) - size) // step))
        size = min(size, -(-len(spans) // count) + round(size * _OVERLAP))
        for index in range(count):
            first = round(index * (len(spans) - size) / max(1, count - 1))
            start, end = spans[first][0], spans[min(first + size, len(spans)) - 1][1]
            (encoding,) = self._tokenise([text[start:end]])
            if len(encoding.ids) <= self.max_tokens:
                yield start, end, encoding
                continue
            # Only text made to do so grows beyond the spare tokens when it is cut.
            middle = (start + end) // 2
            for a, b in ((start, middle), (middle, end)):
                (half,) = self._tokenise([text[a:b]])
                yield a, b, half

    def _embed(self, windows: Sequence[_Window]) -> Encoded:
        """Vectors, tokens and states of each window."""
        vectors = np.zeros((len(windows), self.dimension), dtype=np.float32)
        tokens = [np.zeros((0, self.dimension), dtype=np.float32)] * len(windows)
        states = [np.zeros((0, 2 * self.dimension), dtype=np.float16)] * len(windows)
        # Neighbours of like length need little padding.
        order = sorted(range(len(windows)), key=lambda i: len(windows[i].encoding.ids))
        for batch in _batches(order, [len(window.encoding.ids) for window in windows]):
            found = self._run([windows[i] for i in batch])
            vectors[batch] = found.vectors
            for row, index in enumerate(batch):
                offsets = windows[index].encoding.offsets
                said = [k for k, o in enumerate(offsets) if self._place(windows[index], o)]
                # The prompt tells the encoder what to do; a verifier has no use for it.
                tokens[index] = found.tokens[row][[k for k in said if k < len(found.tokens[row])]]
                if len(found.states[row]):
                    states[index] = found.states[row][said]
        return Encoded(vectors, tokens, states)

    def _run(self, windows: Sequence[_Window]) -> Encoded:
        """Vectors of the windows, and all their tokens and states, in one pass."""
        import torch

        with torch.inference_mode(), self._lock:
            if self._onnx is None:
                texts = [window.text for window in windows]
                features = self._model.preprocess(texts, prompt=self._prompt or None)
            else:
                # The tokens are known already: the model takes them as they are.
                features = self._onnx.features([window.encoding.ids for window in windows])
            found: Any = self._model(features)
            vectors = found["sentence_embedding"].float().numpy()
            tokens = self._unpadded(found, "token_embeddings", len(windows))
            middle = self._unpadded(found, "middle_embeddings", len(windows))
        norms = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return Encoded(
            np.asarray(vectors / norms, dtype=np.float32),
            tokens,
            [
                np.concatenate([lower, upper[: len(lower)]], axis=1).astype(np.float16)
                for lower, upper in zip(middle, tokens, strict=True)
            ],
        )

    def _unpadded(self, features: Any, name: str, count: int) -> list[Vectors]:
        """(tokens, dimension) of each text; no tokens if the model doesn't give these."""
        values = features.get(name)
        if values is None:
            return [np.zeros((0, self.dimension), dtype=np.float32)] * count
        real = features["attention_mask"].bool()
        return [row[mask].float().numpy() for row, mask in zip(values, real, strict=True)]

    def _tokenise(self, texts: Sequence[str]) -> list[Encoding]:
        return self._tokenizer.encode_batch([self._prompt + text for text in texts])

    def _place(self, window: _Window, offsets: tuple[int, int]) -> tuple[int, int] | None:
        """Where a token stands in the whole text; None for prompt and special tokens."""
        start, end = (offset - len(self._prompt) for offset in offsets)
        if end <= 0 or start == end:
            return None
        return window.start + max(0, start), window.start + end


def load_encoder(name_or_path: str | None, *, threads: int = 1) -> SentenceEncoder:
    """Load an encoder. Takes seconds; call it after any fork.

    Args:
        name_or_path: None for the bundled model, a folder, or a Hugging Face id. An id is looked
            up among the files already on this machine, unless ``HF_HUB_OFFLINE=0`` allows
            downloads.
        threads: processor threads of one call.

    Returns:
        An encoder that has embedded something already: the first caller doesn't wait longer.

    Raises:
        EncoderNotFound: nothing loadable is there; the message says what was looked for, and where.
        EncoderMismatch: the folder's files are not those of its checksum list.
    """
    # The libraries read these when they are imported.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    folder = _folder(name_or_path)
    if folder is None:
        encoder = _load_hub(str(name_or_path), threads)
    else:
        encoder = _load_folder(folder, threads)
    _give_memory_back()
    return encoder


def _give_memory_back() -> None:
    """Return what loading needed for a moment: 700 MB of unpacked weights for the bundled model.

    glibc keeps freed memory for the process unless it is asked; other C libraries have no such
    call, and need none.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def check_encoder(name_or_path: str | None) -> str | None:
    """Check an encoder's files without loading them, which is quick and safe before a fork.

    Returns:
        The revision it will have; None for a Hugging Face id, which only loading can check.

    Raises:
        EncoderNotFound, EncoderMismatch: as `load_encoder`.
    """
    folder = _folder(name_or_path)
    return None if folder is None else folder_revision(folder)


def _folder(name_or_path: str | None) -> Path | None:
    """The folder that is meant; None for a Hugging Face id.

    Raises:
        EncoderNotFound: no model is in it.
    """
    if name_or_path is None:
        folder = _bundled_folder()
    elif _looks_like_path(name_or_path):
        folder = Path(name_or_path)
    else:
        return None
    if not (folder / "modules.json").is_file():
        raise EncoderNotFound(
            f"no sentence-transformers model in {folder}: looked for modules.json"
            + ("" if folder.is_dir() else ", and the folder itself does not exist")
        )
    return folder


def _bundled_folder() -> Path:
    """Where the bundled model is: beside the package in a checkout."""
    return Path(__file__).resolve().parent.parent / "models" / BUNDLED


def _looks_like_path(name: str) -> bool:
    return Path(name).is_dir() or name.startswith((".", "/", "~")) or name.count("/") > 1


def _load_folder(folder: Path, threads: int) -> SentenceEncoder:
    if not (folder / "modules.json").is_file():
        raise EncoderNotFound(
            f"no sentence-transformers model in {folder}: looked for modules.json"
            + ("" if folder.is_dir() else ", and the folder itself does not exist")
        )
    revision = folder_revision(folder)
    modules = json.loads((folder / "modules.json").read_text("utf-8"))
    kinds = {str(module["type"]) for module in modules}
    own = OWN_MODULE in kinds
    # The flag lets a model folder choose code to run. It is given only where that code is ours.
    trusted = own and all(k == OWN_MODULE or k.startswith("sentence_transformers.") for k in kinds)
    model = _load_model(
        str(folder),
        threads=threads,
        where=f"in {folder}",
        trust_remote_code=trusted,
        model_kwargs={"threads": threads} if own else None,
    )
    return SentenceEncoder(
        model, name=folder.resolve().name, revision=revision, prompt=_prompt(model, folder.name)
    )


def _load_hub(name: str, threads: int) -> SentenceEncoder:
    model = _load_model(
        name,
        threads=threads,
        where="in the local Hugging Face cache"
        if _offline()
        else "in the local Hugging Face cache and on the hub",
    )
    commit = getattr(getattr(model.transformers_model, "config", None), "_commit_hash", None)
    revision = str(commit) if commit else _state_revision(model)
    return SentenceEncoder(model, name=name, revision=revision, prompt=_prompt(model, name))


def _load_model(name: str, *, threads: int, where: str, **options: Any) -> SentenceTransformer:
    """Raises: EncoderNotFound for whatever keeps sentence-transformers from loading it."""
    import torch
    from sentence_transformers import SentenceTransformer

    # With the graph in ONNX Runtime torch only pools, which takes no time.
    torch.set_num_threads(1 if options.get("model_kwargs") else threads)
    # It warns of every default prompt, which here is meant.
    logging.getLogger("sentence_transformers.base.model").setLevel(logging.ERROR)
    try:
        return SentenceTransformer(name, device="cpu", local_files_only=_offline(), **options)
    except Exception as cause:
        raise EncoderNotFound(
            f"looked for the encoder {name} {where} and could not load it: {cause}. To fetch a "
            f"model beforehand: HF_HUB_OFFLINE=0 hf download {name}; or name a local folder"
        ) from cause


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "1").lower() not in {"0", "false", "no", ""}


def _prompt(model: SentenceTransformer, name: str) -> str:
    """What to write before every text: what the model asks for by default."""
    if model.default_prompt_name is not None:
        return str(model.prompts[model.default_prompt_name])
    # The E5 models were trained with it and don't say so in their settings.
    return "query: " if re.search(r"(^|[-_/])e5([-_]|$)", name.lower()) else ""


def folder_revision(folder: Path) -> str:
    """Hash of the files that make the vectors, all files checked against the folder's list.

    Raises:
        EncoderMismatch: a listed file is missing or different.
    """
    hashes = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            hashes[path.relative_to(folder).as_posix()] = digest
    for name, expected in _checksums(folder).items():
        found = hashes.get(name)
        if found is None:
            raise EncoderMismatch(f"{folder / name} is missing, but {CHECKSUMS} there lists it")
        if found != expected:
            raise EncoderMismatch(
                f"{folder / name} is not the file that {CHECKSUMS} there lists: its SHA-256 is "
                f"{found}, not {expected}"
            )
    lines = [
        f"{digest}  {name}\n"
        for name, digest in hashes.items()
        if Path(name).suffix in _WEIGHT_SUFFIXES
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def _checksums(folder: Path) -> dict[str, str]:
    """File name to SHA-256; empty if the folder has no list."""
    path = folder / CHECKSUMS
    if not path.is_file():
        return {}
    pairs = [line.split(maxsplit=1) for line in path.read_text("utf-8").splitlines() if line]
    return {name: digest for digest, name in pairs}


def _state_revision(model: SentenceTransformer) -> str:
    """Hash of the weights themselves, for models that don't say their commit."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().float().numpy().tobytes())
    return digest.hexdigest()[:16]


def _own_tokenizer(module: Any, name: str) -> Tokenizer:
    """A copy of the model's tokenizer that pads and cuts nothing.

    Raises:
        EncoderNotFound: the model has none of the kind that knows where its tokens stand.
    """
    from tokenizers import Tokenizer

    found = getattr(module, "tokenizer", None)
    found = getattr(found, "backend_tokenizer", found)
    if not isinstance(found, Tokenizer):
        raise EncoderNotFound(
            f"the encoder {name} has no fast tokenizer, which is needed to find where long text "
            "can be divided"
        )
    copy: Tokenizer = Tokenizer.from_str(found.to_str())
    copy.no_padding()
    copy.no_truncation()
    return copy


def _unknown_token(module: Any, tokenizer: Tokenizer) -> int | None:
    """The number of the token for what the vocabulary lacks, if there is one."""
    named = getattr(module.tokenizer, "unk_token", None)
    for token in (named, "<unk>", "[UNK]"):
        number = tokenizer.token_to_id(token) if token else None
        if number is not None:
            return int(number)
    return None


def _encodable(text: str) -> str:
    """The text with lone surrogates, which have no UTF-8 form, replaced one by one."""
    return _SURROGATE.sub("\ufffd", text)


def _is_visible(character: str) -> bool:
    """False for spaces, control characters and invisible marks such as U+200B."""
    return unicodedata.category(character) not in _INVISIBLE


def _batches(order: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """Consecutive runs of `order`, shortest first, that fit a batch with their padding."""
    batch: list[int] = []
    for index in order:
        if batch and (len(batch) + 1) * lengths[index] > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _average(vectors: Vectors, windows: Sequence[_Window]) -> Vectors:
    """(dimension,): the mean weighted by tokens, at unit length."""
    if len(windows) == 1:
        only: Vectors = vectors[0]
        return only
    weights = np.array([len(window.encoding.ids) for window in windows], dtype=np.float32)
    mean: Vectors = weights @ vectors
    mean /= max(float(np.linalg.norm(mean)), 1e-12)
    return mean
