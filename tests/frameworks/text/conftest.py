"""Small real models of texts, made on the spot: a tokenizer that has learnt from a poem, and a tiny network."""

from __future__ import annotations

import codecs
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlem.testing import Project


def poem() -> list[str]:
    """Return the lines of the Zen of Python, which each Python has."""
    import this

    return codecs.decode(this.s, "rot13").splitlines()[2:]


@pytest.fixture(scope="session")
def lines() -> list[str]:
    return poem()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = Project.make(tmp_path / "project")
    monkeypatch.chdir(project.folder)
    return project


@pytest.fixture(scope="session")
def tiny(lines: list[str]) -> Any:
    """Tiny parts of transformers: a tokenizer, and models by the name of their class."""
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.train_from_iterator(lines, trainers.WordPieceTrainer(vocab_size=200, special_tokens=special))
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    named = {f"{name[1:-1].lower()}_token": name for name in special}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=64, **named)

    def model(kind: str, **fields: Any) -> Any:
        torch.manual_seed(7)
        config = transformers.BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=64,
            **fields,
        )
        return getattr(transformers, kind)(config).eval()

    return SimpleNamespace(tokenizer=tokenizer, model=model)
