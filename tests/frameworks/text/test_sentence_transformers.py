"""Encoders of sentence-transformers: they pass the suite; folders are imported; hostile ones are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sentence_transformers = pytest.importorskip("sentence_transformers")

from mlem import api  # noqa: E402  # after what may not be installed
from mlem.testing import Project  # noqa: E402
from mlem.testing.model_types import ModelTypeSuite  # noqa: E402
from mlem_model.errors import UserError  # noqa: E402
from mlem_model.frameworks.text.sentence_transformers import SentenceTransformersModel  # noqa: E402

TEXTS = ["Beautiful is better than ugly.", "Now.", "Special cases aren't special enough to break the rules."]


@pytest.fixture(scope="session")
def encoder(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An encoder of the tiny network, with a pooling, a layer and a norm."""
    folder = tmp_path_factory.mktemp("bert")
    tiny.model("BertModel").save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    modules = sentence_transformers.sentence_transformer.modules
    transformer = modules.Transformer(str(folder))
    parts = [transformer, modules.Pooling(16), modules.Dense(16, 8), modules.Normalize()]
    return sentence_transformers.SentenceTransformer(modules=parts, device="cpu").eval()


class TestSentenceTransformers(ModelTypeSuite):
    type = "sentence_transformers"

    @pytest.fixture(autouse=True)
    def _made(self, encoder: Any) -> None:
        self.encoder = encoder

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return self.encoder, TEXTS

    def expected(self, obj: Any, sample: Any) -> Any:
        return obj.encode(sample)


def test_only_what_loading_needs_is_required(here: Project, encoder: Any) -> None:
    model = api.save(encoder, "model", sample_data=TEXTS)
    found = {one.package_name for one in model.requirements}
    assert found == {"numpy", "sentence-transformers", "torch", "transformers"}


@pytest.fixture
def folder(here: Project, encoder: Any) -> Path:
    """A folder as sentence-transformers writes it, with its card."""
    encoder.save("encoder")
    return Path("encoder")


def test_a_folder_is_imported(here: Project, encoder: Any, folder: Path) -> None:
    Path("texts.json").write_text(json.dumps(TEXTS))
    done = here.mlem("import", "encoder", "model", "--sample", "texts.json")
    assert done.returncode == 0, done.stderr
    assert np.allclose(api.apply("model", TEXTS, "encode"), encoder.encode(TEXTS), atol=1e-6)


def module(**fields: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        modules = json.loads((folder / "modules.json").read_text())
        (folder / "modules.json").write_text(json.dumps([{**modules[0], **fields}, *modules[1:]]))

    return change


def field(name: str, **fields: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**content, **fields}))

    return change


def pickled(folder: Path) -> None:
    for file in folder.rglob("*.safetensors"):
        file.rename(file.with_name("pytorch_model.bin"))


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a module of its own": (module(type="evil.Model"), "unsafe-transformers"),
    "a module of another package": (module(type="os.system"), "unsafe-transformers"),
    "what a module of the package has imported": (
        module(type="sentence_transformers.base.modules.module.torch"),
        "unsafe-transformers",
    ),
    "a module in another folder": (module(path="../other"), "outside"),
    "an activation of its own": (field("2_Dense/config.json", activation_function="os.system"), "unsafe-transformers"),
    "code of the network": (field("config.json", auto_map={"AutoModel": "evil.Model"}), "unsafe-transformers"),
    "arguments for the network": (
        field("sentence_bert_config.json", model_args={"trust_remote_code": True}),
        "unsafe-transformers",
    ),
    "a tokenizer in another folder": (
        field("sentence_bert_config.json", tokenizer_name_or_path="/elsewhere"),
        "unsafe-transformers",
    ),
    "another task": (field("sentence_bert_config.json", transformer_task="retrieval"), "unsafe-transformers"),
    "a network of a trillion numbers": (field("config.json", vocab_size=10**11), "too-large"),
    "a method that writes": (
        field("sentence_bert_config.json", modality_config={"text": {"method": "save_pretrained"}}),
        "unsafe-transformers",
    ),
    "pickles": (pickled, "unsafe-transformers"),
    "no modules": (lambda folder: (folder / "modules.json").write_text("{}"), "no-sentence-transformers"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_folder_is_refused_before_anything_runs(folder: Path, tmp_path: Path, what: str) -> None:
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Model: ...\n")
    change, code = HOSTILE[what]
    change(folder)
    with pytest.raises(UserError) as caught:
        SentenceTransformersModel.read(folder)
    assert caught.value.code == code, caught.value.message
    assert not (tmp_path / "ran").exists()
