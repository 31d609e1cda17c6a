"""Finding, checking and naming models."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from service.encoder import SentenceEncoder, load_encoder
from service.errors import EncoderMismatch, EncoderNotFound

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "models" / "pointmark-e5-small-zh-en"


def linked_copy(into: Path) -> Path:
    """A copy of the bundled folder that shares its files."""
    for path in FOLDER.rglob("*"):
        target = into / path.relative_to(FOLDER)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(path)
    return into


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in the place of a link."""
    path.unlink()
    path.write_bytes(content)


def test_the_bundled_model_is_small_and_complete() -> None:
    files = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    listed = dict(
        reversed(line.split(maxsplit=1))
        for line in (FOLDER / "SHA256SUMS").read_text("utf-8").splitlines()
    )

    assert set(listed) == files - {"SHA256SUMS"}
    assert {"LICENSE", "README.md", "modules.json", "tokenizer.json"} <= files
    assert sum((FOLDER / name).stat().st_size for name in files) < 40_000_000
    for name, checksum in listed.items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == checksum


def test_a_folder_with_other_content_is_refused(tmp_path: Path) -> None:
    folder = linked_copy(tmp_path / "model")
    name = "config_sentence_transformers.json"
    replace_file(folder / name, (folder / name).read_bytes() + b"\n")

    with pytest.raises(EncoderMismatch, match=name):
        load_encoder(str(folder))


def test_a_folder_that_lacks_a_listed_file_is_refused(tmp_path: Path) -> None:
    folder = linked_copy(tmp_path / "model")
    (folder / "tokenizer.json").unlink()

    with pytest.raises(EncoderMismatch, match=r"tokenizer\.json is missing"):
        load_encoder(str(folder))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderNotFound, match="nothing-here"):
        load_encoder(str(tmp_path / "nothing-here"))


def test_a_folder_without_a_model_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(EncoderNotFound, match=r"modules\.json"):
        load_encoder(str(tmp_path))


def test_an_unknown_model_says_how_to_fetch_it() -> None:
    with pytest.raises(EncoderNotFound, match="hf download example/no-such-model"):
        load_encoder("example/no-such-model")


def test_name_and_revision_belong_to_the_files(encoder: SentenceEncoder, tmp_path: Path) -> None:
    folder = linked_copy(tmp_path / "model")
    (folder / "SHA256SUMS").unlink()
    replace_file(folder / "README.md", b"Another text about the same model.\n")
    same = load_encoder(str(folder))
    replace_file(folder / "onnx_config.json", b'{"max_seq_length": 64}\n')
    other = load_encoder(str(folder))

    assert encoder.name == FOLDER.name
    assert same.revision == encoder.revision
    assert other.revision != encoder.revision
    assert other.max_tokens == 64


def test_sentence_transformers_loads_the_folder_by_itself(encoder: SentenceEncoder) -> None:
    from sentence_transformers import SentenceTransformer

    texts = ["Saddle points are common.", "鞍点很常见。"]

    model = SentenceTransformer(str(FOLDER), trust_remote_code=True, device="cpu")

    assert np.abs(np.asarray(model.encode(texts)) - encoder.encode(texts)).max() < 1e-4


def test_a_model_of_torch_works_behind_the_same_interface(tmp_path: Path) -> None:
    folder = tiny_torch_model(tmp_path / "tiny-model")
    long = "梯度 下降 gradient descent " * 50

    encoder = load_encoder(str(folder))
    vectors = encoder.encode(["gradient descent", "梯度下降", "", long])

    assert (encoder.name, encoder.dimension, encoder.max_tokens) == ("tiny-model", 16, 32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 0, 1], abs=1e-5)
    assert np.abs(encoder.encode(["梯度下降"])[0] - vectors[1]).max() < 1e-4
    assert [len(tokens) > 0 for tokens in encoder.encode_tokens(["a b", ""])[1]] == [True, False]


def tiny_torch_model(folder: Path) -> Path:
    """An untrained BERT of sixteen dimensions, as sentence-transformers saves it."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"梯度下降", "gradient", "descent"]
    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    source = folder.parent / "source"
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=32,
    ).save_pretrained(source)
    BertModel(
        BertConfig(
            vocab_size=len(words),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=32,
        )
    ).save_pretrained(source)
    transformer = Transformer(str(source), max_seq_length=32)
    SentenceTransformer(modules=[transformer, Pooling(16)], device="cpu").save(str(folder))
    return folder


def test_importing_the_encoder_does_not_import_torch() -> None:
    code = "import sys, service.encoder; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
