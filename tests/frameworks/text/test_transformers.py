"""Pipelines and models of transformers: each passes the suite; folders are imported; hostile ones are refused."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

from mlem import api  # noqa: E402  # after what may not be installed
from mlem.api.objects import with_object  # noqa: E402
from mlem.testing import Project  # noqa: E402
from mlem.testing.model_types import ModelTypeSuite  # noqa: E402
from mlem_model.errors import UserError  # noqa: E402
from mlem_model.frameworks.text.transformers import TransformersModel, TransformersPipeline  # noqa: E402

TEXTS = ["Beautiful is better than ugly.", "Now is better than never.", "Special cases aren't special enough."]


class OfTiny(ModelTypeSuite):
    @pytest.fixture(autouse=True)
    def _made(self, tiny: Any) -> None:
        self.tiny = tiny

    def pipeline(self, task: str, kind: str, **parameters: Any) -> Any:
        model = self.tiny.model(kind, is_decoder=kind.endswith("LMHeadModel"))
        return transformers.pipeline(task, model=model, tokenizer=self.tiny.tokenizer, **parameters)


class OfPipelines(OfTiny):
    type = "transformers"
    binary = True

    def expected(self, obj: Any, sample: Any) -> Any:
        return [plain(one) for one in obj(text for text in sample)]


def plain(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {name: plain(item) for name, item in answer.items()}
    return [plain(item) for item in answer] if isinstance(answer, list) else getattr(answer, "tolist", lambda: answer)()


class TestTextClassification(OfPipelines):
    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return self.pipeline("text-classification", "BertForSequenceClassification"), TEXTS


class TestTextClassificationOfAllKinds(OfPipelines):
    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        found = self.pipeline(
            "text-classification", "BertForSequenceClassification", top_k=None, function_to_apply="sigmoid"
        )
        return found, TEXTS


class TestTokenClassification(OfPipelines):
    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        kind = "BertForTokenClassification"
        return self.pipeline("token-classification", kind, aggregation_strategy="max"), TEXTS


class TestModelOfTokens(OfTiny):
    type = "transformers_model"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return self.tiny.model("BertForSequenceClassification"), self.tiny.tokenizer(
            TEXTS, padding=True, return_tensors="np"
        )["input_ids"]

    def expected(self, obj: Any, sample: Any) -> Any:
        ids = torch.from_numpy(np.asarray(sample))
        with torch.no_grad():
            return obj(input_ids=ids, attention_mask=(ids != 0).long()).logits.numpy()


@pytest.mark.parametrize(
    ("task", "kind", "parameters", "texts"),
    [
        ("fill-mask", "BertForMaskedLM", {"top_k": 2}, ["Now is [MASK] than never.", "[MASK] is good."]),
        ("feature-extraction", "BertModel", {}, TEXTS),
        ("text-generation", "BertLMHeadModel", {"max_new_tokens": 3, "do_sample": False}, TEXTS),
    ],
)
def test_other_tasks_are_loaded_with_their_parameters(
    here: Project, tiny: Any, task: str, kind: str, parameters: dict[str, Any], texts: list[str]
) -> None:
    model = tiny.model(kind, is_decoder=kind == "BertLMHeadModel")
    made = transformers.pipeline(task, model=model, tokenizer=tiny.tokenizer, **parameters)
    saved = api.save(made, "model", sample_data=texts)
    assert api.load("model").task == task
    assert saved.methods["predict"].rowwise
    assert api.apply("model", texts) == [plain(one) for one in made(text for text in texts)]


def test_a_pipeline_answers_a_series_and_an_array_of_texts(here: Project, tiny: Any) -> None:
    import pandas as pd

    made = transformers.pipeline(
        "text-classification", model=tiny.model("BertForSequenceClassification"), tokenizer=tiny.tokenizer
    )
    for number, sample in enumerate([pd.Series(TEXTS, name="text"), np.array(TEXTS)]):
        api.save(made, f"model{number}", sample_data=sample)
        assert [one["label"] for one in api.apply(f"model{number}", sample)] == [one["label"] for one in made(TEXTS)]


def test_a_pipeline_that_takes_other_things_than_texts_is_refused(here: Project, tiny: Any) -> None:
    made = transformers.pipeline(
        "zero-shot-classification", model=tiny.model("BertForSequenceClassification"), tokenizer=tiny.tokenizer
    )
    with pytest.raises(UserError, match="zero-shot-classification can't be saved"):
        api.save(made, "model", sample_data=TEXTS)


def test_a_parameter_that_loading_would_not_take_is_refused(here: Project, tiny: Any) -> None:
    model = tiny.model("BertForMaskedLM")
    made = transformers.pipeline("fill-mask", model=model, tokenizer=tiny.tokenizer, targets=["better"])
    with pytest.raises(UserError, match="parameter target_ids can't be saved"):
        api.save(made, "model", sample_data=["Now is [MASK] than never."])


def test_what_is_saved_stays_in_the_mode_that_it_was_in(here: Project, tiny: Any) -> None:
    model = tiny.model("BertForSequenceClassification").train()
    api.save(model, "model", sample_data=np.array([[2, 9, 3], [2, 8, 3]]))
    assert all(part.training for part in model.modules())


def test_only_what_loading_needs_is_required(here: Project, tiny: Any) -> None:
    model = api.save(tiny.model("BertModel"), "model", sample_data=np.array([[2, 9, 3], [2, 8, 3]]))
    assert {one.package_name for one in model.requirements} == {"numpy", "torch", "transformers"}


@pytest.fixture
def folder(here: Project, tiny: Any) -> Path:
    """A folder of transformers, as its own methods write it."""
    made = Path("bert")
    tiny.model("BertForSequenceClassification").save_pretrained(made)
    tiny.tokenizer.save_pretrained(made)
    return made


def imported(project: Project, path: str, *options: str) -> Any:
    Path("texts.json").write_text(json.dumps(TEXTS))
    done = project.mlem("import", path, "model", *options)
    assert done.returncode == 0, done.stderr
    return done


def test_a_folder_is_imported_as_a_pipeline(here: Project, tiny: Any, folder: Path) -> None:
    imported(here, "bert", "--sample", "texts.json")
    made = transformers.pipeline(
        "text-classification", model=tiny.model("BertForSequenceClassification"), tokenizer=tiny.tokenizer
    )
    assert np.allclose([one["score"] for one in api.apply("model", TEXTS)], [one["score"] for one in made(TEXTS)])


def test_a_folder_of_the_cache_is_imported_through_its_links(here: Project, folder: Path) -> None:
    cache = here.folder / "models--tiny"
    snapshot = cache / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (cache / "blobs").mkdir()
    for file in folder.iterdir():
        shutil.move(file, cache / "blobs" / file.name)
        (snapshot / file.name).symlink_to(Path("../../blobs") / file.name)
    imported(here, str(snapshot), "--sample", "texts.json")
    assert len(api.apply("model", TEXTS)) == 3


def test_a_folder_without_a_tokenizer_is_imported_as_a_model(here: Project, tiny: Any) -> None:
    tiny.model("BertModel").save_pretrained("bert")
    rows = np.array([[2, 9, 3], [2, 8, 3]])
    np.save("rows.npy", rows)
    done = here.mlem("import", "bert", "model", "--sample", "rows.npy")
    assert done.returncode == 0, done.stderr
    assert api.apply("model", rows).shape == (2, 3, 16)


def test_a_folder_in_pieces_is_imported(here: Project, tiny: Any, folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    tiny.model("BertForSequenceClassification").save_pretrained(folder, max_shard_size="10KB")
    assert (folder / "model.safetensors.index.json").is_file()
    imported(here, "bert", "--sample", "texts.json")
    assert len(api.apply("model", TEXTS)) == 3


def changed(name: str, **fields: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**content, **fields}))

    return change


def piped(**parameters: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        about = {"task": "text-classification", "parameters": parameters}
        (folder / "pipeline.json").write_text(json.dumps(about))

    return change


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"a": torch.ones(1)}, folder / "pytorch_model.bin")


def headed(length: int) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", length) + content[8:])

    return change


def linked(folder: Path) -> None:
    (folder.parent / "secret.txt").write_text("[PAD]\n")
    os.symlink((folder.parent / "secret.txt").resolve(), folder / "vocab.txt")


def nested(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "bert", "a": ' + "[" * 100_000 + "]" * 100_000 + "}")


def giant(folder: Path) -> None:
    with (folder / "config.json").open("a") as file:
        file.write(" " * (9 * 2**20))


def weights_elsewhere(folder: Path) -> None:
    index = {"weight_map": {"bert.pooler.dense.bias": "../other.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def without_weights(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    kept = {name: one for name, one in load_file(folder / "model.safetensors").items() if "classifier" not in name}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})


UNSAFE, DAMAGED = "unsafe-transformers", "no-transformers"
HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "code of its own": (changed("config.json", auto_map={"AutoModel": "evil.Model"}), UNSAFE),
    "code of the hub": (
        changed("config.json", auto_map={"AutoConfig": "who/what--evil.Config"}),
        UNSAFE,
    ),
    "a pipeline of its own": (
        changed("config.json", custom_pipelines={"x": {"impl": "evil.P"}}),
        UNSAFE,
    ),
    "a kernel of the hub": (changed("config.json", _attn_implementation="who/what"), UNSAFE),
    "a quantizer": (changed("config.json", quantization_config={"quant_method": "awq"}), UNSAFE),
    "a class that is no model": (
        changed("config.json", architectures=["AutoModelForSequenceClassification"]),
        UNSAFE,
    ),
    "a tokenizer of its own": (
        changed("tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.T", None]}),
        UNSAFE,
    ),
    "a class that is no tokenizer": (
        changed("tokenizer_config.json", tokenizer_class="AutoModel"),
        UNSAFE,
    ),
    "an adapter of a model elsewhere": (
        lambda folder: (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "/elsewhere"}'),
        UNSAFE,
    ),
    "a vocabulary of a trillion": (changed("config.json", vocab_size=10**12), "too-large"),
    "layers of a billion": (changed("config.json", num_hidden_layers=10**9), "too-large"),
    "a width of a million": (changed("config.json", hidden_size=2**20, intermediate_size=2**30), "too-large"),
    "a pipeline with another model": (piped(assistant_model="/elsewhere"), UNSAFE),
    "a pipeline with code": (piped(trust_remote_code=True), UNSAFE),
    "a pickle": (pickled, UNSAFE),
    "a header longer than the file": (headed(2**62), "no-safetensors"),
    "a header of the file's length": (headed(2**20), "no-safetensors"),
    "a link out of the folder": (linked, "outside"),
    "weights out of the folder": (weights_elsewhere, "outside"),
    "a deep configuration": (nested, DAMAGED),
    "a giant configuration": (giant, "too-large"),
    "weights that are missing": (without_weights, DAMAGED),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_folder_is_refused_before_anything_runs(folder: Path, tmp_path: Path, what: str) -> None:
    (folder / "evil.py").write_text(
        f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Model: ...\nclass T: ...\nclass P: ...\n"
    )
    change, code = HOSTILE[what]
    change(folder)
    for kind in (TransformersPipeline, TransformersModel):
        if kind is TransformersModel and ("tokenizer" in what or "a pipeline with" in what):
            continue  # it reads neither
        with pytest.raises(UserError) as caught:
            kind.read(folder)
        assert caught.value.code == code, caught.value.message
    assert not (tmp_path / "ran").exists()


def test_a_hint_says_how_a_folder_of_pickles_becomes_a_safe_one(here: Project, folder: Path) -> None:
    pickled(folder)
    done = here.mlem("import", "bert", "model")
    assert (done.returncode, "pytorch_model.bin" in done.stderr, "save_pretrained" in done.stderr) == (2, True, True)


LOADS = """
import sys
from pathlib import Path
from mlem_model.frameworks.text.transformers import TransformersPipeline
asked = []
sys.addaudithook(lambda event, args: asked.append(event) if event in ("socket.connect", "socket.getaddrinfo") else None)
TransformersPipeline.read(Path("bert"))
sys.exit(str(asked) if asked else 0)
"""


def test_loading_asks_no_server(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", LOADS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_files_that_a_tokenizer_names_elsewhere_are_not_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("not a tokenizer")
    changed("tokenizer_config.json", tokenizer_file=str(tmp_path / "secret.json"), vocab_file="/etc/passwd")(folder)
    assert len(TransformersPipeline.read(folder)(TEXTS)) == 3


def test_a_model_is_served_on_a_gpu_where_pytorch_says_that_there_is_one(
    here: Project, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.save(tiny.model("BertModel"), "model", sample_data=[[2, 5, 3, 0]])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert {one.device.type for one in api.load("model").parameters()} == {"cpu"}
    with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
        with_object("model", None, served=True)
