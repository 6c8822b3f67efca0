"""Pipelines of spaCy: they pass the suite; folders are imported; hostile ones are refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

spacy = pytest.importorskip("spacy")

from mlem import api  # noqa: E402  # after what may not be installed
from mlem.testing import Project  # noqa: E402
from mlem.testing.model_types import ModelTypeSuite  # noqa: E402
from mlem_model.errors import UserError  # noqa: E402
from mlem_model.frameworks.text.spacy import ServedSpacy, SpacyModel  # noqa: E402

TEXTS = ["Guido van Rossum wrote Python.", "Now is better than never.", "Flat is better than nested in Amsterdam."]


def rules() -> Any:
    """A pipeline that knows sentences and names by rules."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": "Guido van Rossum"}, {"label": "GPE", "pattern": "Amsterdam"}])
    return nlp


def trained() -> Any:
    """A pipeline that has learnt categories, and tags, of a few lines."""
    from spacy.training import Example

    spacy.util.fix_random_seed(7)
    nlp = spacy.blank("en")
    kinds = nlp.add_pipe("textcat")
    tagger = nlp.add_pipe("tagger")
    for label in ("better", "other"):
        kinds.add_label(label)
    for label in ("LONG", "SHORT"):
        tagger.add_label(label)
    examples = []
    for text in TEXTS:
        doc = nlp.make_doc(text)
        tags = ["LONG" if len(token) > 4 else "SHORT" for token in doc]
        cats = {"better": float("better" in text), "other": float("better" not in text)}
        examples.append(Example.from_dict(doc, {"cats": cats, "tags": tags}))
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(5):
        nlp.update(examples, sgd=optimizer)
    return nlp


class OfPipelines(ModelTypeSuite):
    type = "spacy"

    def expected(self, obj: Any, sample: Any) -> Any:
        return ServedSpacy(obj).predict(sample)


class TestRules(OfPipelines):
    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return rules(), TEXTS


class TestTrained(OfPipelines):
    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return trained(), TEXTS


def test_what_a_document_has_is_answered_as_plain_data() -> None:
    (found,) = ServedSpacy(rules()).predict(["Guido likes Amsterdam. Now."])
    assert [one["text"] for one in found["tokens"]] == ["Guido", "likes", "Amsterdam", ".", "Now", "."]
    assert found["ents"] == [{"text": "Amsterdam", "label": "GPE", "start": 12, "end": 21}]
    assert found["sents"] == ["Guido likes Amsterdam.", "Now."]


def test_a_component_of_the_users_is_refused_when_it_is_saved(here: Project) -> None:
    @spacy.Language.component("mine")
    def mine(doc: Any) -> Any:
        return doc

    nlp = spacy.blank("en")
    nlp.add_pipe("mine")
    with pytest.raises(UserError, match="not one of spaCy's own") as caught:
        api.save(nlp, "model", sample_data=TEXTS)
    assert caught.value.code == "unsafe-spacy"


def test_only_what_loading_needs_is_required(here: Project) -> None:
    model = api.save(rules(), "model", sample_data=TEXTS)
    assert {one.package_name for one in model.requirements} == {"numpy", "spacy"}


def test_a_folder_is_imported(here: Project) -> None:
    nlp = trained()
    nlp.to_disk("pipeline")
    Path("texts.json").write_text(json.dumps(TEXTS))
    done = here.mlem("import", "pipeline", "model", "--sample", "texts.json")
    assert done.returncode == 0, done.stderr
    expected = ServedSpacy(nlp).predict(TEXTS)
    found = api.apply("model", TEXTS)
    assert [one["tokens"] for one in found] == [one["tokens"] for one in expected]
    assert np.allclose([one["cats"]["better"] for one in found], [one["cats"]["better"] for one in expected])


def test_a_folder_whose_components_share_a_layer_and_its_width_by_a_variable_is_imported(here: Project) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": {"width": 32}})
    shared = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "tok2vec"}
    tagger = nlp.add_pipe("tagger", config={"model": {"@architectures": "spacy.Tagger.v2", "tok2vec": shared}})
    tagger.add_label("A")
    tagger.add_label("B")
    nlp.initialize()
    nlp.to_disk("pipeline")
    file = Path("pipeline/config.cfg")
    head, tail = file.read_text().split("[components.tagger.model.tok2vec]")
    variable = "width = ${components.tok2vec.model.width}"
    file.write_text(f"{head}[components.tagger.model.tok2vec]{tail.replace('width = 32', variable, 1)}")
    expected = ServedSpacy(spacy.load("pipeline")).predict(TEXTS)
    assert ServedSpacy(SpacyModel.read(Path("pipeline"))).predict(TEXTS) == expected
    api.save(nlp, "model", sample_data=TEXTS)
    assert api.apply("model", TEXTS) == expected


def config(old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / "config.cfg").read_text()
        assert old in text
        (folder / "config.cfg").write_text(text.replace(old, new, 1))

    return change


def long_variable(folder: Path) -> None:
    config("train = null", f'train = "{"x" * 2000}"')(folder)
    config("batch_size = 1000", "batch_size = ${paths.train}")(folder)


def linked(folder: Path) -> None:
    (folder.parent / "secret").write_text("{}")
    os.symlink((folder.parent / "secret").resolve(), folder / "secret.json")


def array(folder: Path) -> None:
    with (folder / "vocab" / "vectors").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (10**9, 300)})


def objects(folder: Path) -> None:
    np.save(folder / "vocab" / "vectors.npy", np.array([print], dtype=object), allow_pickle=True)
    (folder / "vocab" / "vectors.npy").rename(folder / "vocab" / "vectors")


def giant(folder: Path) -> None:
    with (folder / "config.cfg").open("a") as file:
        file.write("#" * (5 * 2**20))


def nested(folder: Path) -> None:
    (folder / "meta.json").write_text("[" * 100_000 + "]" * 100_000)


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a function of @misc": (config("[nlp.tokenizer]", '[nlp.x]\n@misc = "evil.v1"\n\n[nlp.tokenizer]'), "unsafe-spacy"),
    "a reader of files": (
        config("[nlp.tokenizer]", '[nlp.x]\n@readers = "srsly.read_json.v1"\npath = "/etc/passwd"\n\n[nlp.tokenizer]'),
        "unsafe-spacy",
    ),
    "another tokenizer": (config('"spacy.Tokenizer.v1"', '"evil.Tokenizer.v1"'), "unsafe-spacy"),
    "a callback": (
        config("after_creation = null", 'after_creation = {"@callbacks":"spacy.copy_from_base_model.v1"}'),
        "unsafe-spacy",
    ),
    "a sourced component": (config('factory = "sentencizer"', 'source = "../other"'), "unsafe-spacy"),
    "a component of another package": (config('factory = "sentencizer"', 'factory = "evil"'), "unsafe-spacy"),
    "a component in another folder": (config("[components.sentencizer]", "[components.../../x]"), "no-spacy outside"),
    "a language that is a module": (config('lang = "en"', 'lang = "en.evil"'), "unsafe-spacy"),
    "variables that grow": (config("batch_size = 1000", 'batch_size = "${nlp.lang}${nlp.lang}"'), "unsafe-spacy"),
    "a variable that is long": (long_variable, "unsafe-spacy"),
    "a link out of the folder": (linked, "outside"),
    "an array longer than its file": (array, "no-spacy"),
    "an array of objects": (objects, "no-spacy"),
    "a giant configuration": (giant, "too-large"),
    "a deep description": (nested, "no-spacy"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_folder_is_refused_before_anything_runs(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "pipeline"
    rules().to_disk(folder)
    change, codes = HOSTILE[what]
    change(folder)
    with pytest.raises(UserError) as caught:
        SpacyModel.read(folder)
    assert caught.value.code in codes.split(), caught.value.message
