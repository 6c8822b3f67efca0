"""The folder of a spaCy pipeline: what is refused before spaCy reads it.

``config.cfg`` names functions by their registered names, of any installed package, with arguments: some read files or
load other pipelines, and a package that registers one is imported when it is named. Only those are called that make
spaCy's own components; callbacks and sourced components are refused, and what is about training is left out. The other
files are JSON, msgpack and arrays: spaCy writes no pickle beside those of a framework in a component of PyTorch, and
such components are not among the ones that are made.

Source: https://spacy.io/api/data-formats#config, https://spacy.io/usage/saving-loading, and ``language.py``,
``registrations.py`` of spaCy 3.8 (read 2026-11).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlem_model.errors import UserError
from mlem_model.frameworks.text.folders import expect_size, fields, read_json

CONFIG, META = "config.cfg", "meta.json"
_KEPT = ("paths", "system", "nlp", "components")
"""The rest is about training."""
_FACTORIES = frozenset(
    {
        "attribute_ruler", "beam_ner", "beam_parser", "doc_cleaner", "entity_linker", "entity_ruler",
        "future_entity_ruler", "lemmatizer", "merge_entities", "merge_noun_chunks", "merge_subtokens", "morphologizer",
        "ner", "parser", "sentencizer", "senter", "span_finder", "span_ruler",
        "spancat", "spancat_singlelabel", "tagger", "textcat", "textcat_multilabel", "tok2vec",
        "token_splitter", "trainable_lemmatizer",
    }
)  # fmt: skip
"""spaCy's own components: https://spacy.io/api#architecture-pipeline (read 2026-11)."""
_OWN = r"spacy(-legacy)?\.[\w.]+"
_REGISTERED: Mapping[str, re.Pattern[str]] = {
    "@architectures": re.compile(rf"(?!spacy\.TorchBiLSTM){_OWN}"),
    "@layers": re.compile(_OWN),
    "@scorers": re.compile(_OWN),
    "@tokenizers": re.compile(_OWN),
    "@vectors": re.compile(r"spacy\.Vectors\.v1"),
    "@misc": re.compile(
        r"spacy\.((ngram|ngram_range|preset_spans)_suggester|first_longest_spans_filter|levenshtein_compare"
        r"|prioritize_(new|existing)_ents_filter|EmptyKB|Candidate(Batch)?Generator)\.v\d"
    ),
}
"""What may be called to make a component. The others of ``@misc`` read files."""
_CALLBACKS = ("before_creation", "after_creation", "after_pipeline_creation")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_NAME = re.compile(r"\w[\w -]*")
_VARIABLE = re.compile(r"\$\{([\w.-]+)\}")
_LARGEST_CONFIG = 4 * 2**20
_LONGEST = 1000
"""Characters of a text that a variable may stand for."""
_ARRAY = b"\x93NUMPY"
_NO = "no-spacy"


def read_config(folder: Path) -> dict[str, Any]:
    """Read the configuration of a pipeline that is safe to make.

    Args:
        folder: The folder.

    Returns:
        What is about the pipeline, with the values of its variables.

    Raises:
        UserError: It has functions that are not spaCy's own, or is damaged.
    """
    from spacy.util import load_config_from_str

    try:
        expect_size(folder / CONFIG, _LARGEST_CONFIG)
        config = load_config_from_str((folder / CONFIG).read_text(encoding="utf-8"), interpolate=False)
        kept = type(config)({name: config[name] for name in _KEPT if name in config})
        expect_plain(kept)
        return dict(kept.interpolate())
    except UserError:
        raise
    except Exception as error:  # of the file system, and what the reader of the format raises
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{CONFIG} is not the configuration of a pipeline of spaCy: {reason}", code=_NO) from error


def expect_plain(config: Mapping[str, Any]) -> None:
    """Refuse a configuration that calls what is not spaCy's own, or takes components from another pipeline.

    Args:
        config: The sections that are about the pipeline.

    Raises:
        UserError: It does.
    """
    nlp, components = config.get("nlp"), config.get("components", {})
    if not isinstance(nlp, Mapping) or not isinstance(components, Mapping):
        raise UserError(f"{CONFIG} has no pipeline of spaCy", code=_NO)
    if not _LANGUAGE.fullmatch(str(nlp.get("lang"))):
        raise refused(f"the language {str(nlp.get('lang'))[:80]!r}")
    for callback in _CALLBACKS:
        if nlp.get(callback) is not None:
            raise refused(f"the callback {callback}: {str(nlp[callback])[:80]}")
    for name, component in components.items():
        if not _NAME.fullmatch(name):
            raise UserError(f"{CONFIG} has a component {name[:80]!r}, which is no name of a folder", code="outside")
        if not isinstance(component, Mapping) or "source" in component:
            raise refused(f"the component {name[:80]!r}, which is taken from another pipeline")
        if component.get("factory") not in _FACTORIES:
            raise refused(f"the component {str(component.get('factory'))[:80]!r}, which is not one of spaCy's own")
    for _, name, value in fields(config):
        if name.startswith("@") and not (name in _REGISTERED and _REGISTERED[name].fullmatch(str(value))):
            raise refused(f"the function {name} = {str(value)[:80]!r}")
        if isinstance(value, str) and "$" in value:
            _check_variable(value, config)


def expect_plain_files(folder: Path) -> None:
    """Refuse files that would take more memory than they have bytes, or that are too large for what they are.

    Args:
        folder: The folder.

    Raises:
        UserError: One would.
    """
    read_json(folder / META, _NO, _LARGEST_CONFIG)
    for file in sorted(item for item in folder.rglob("*") if item.is_file()):
        if file.suffix in (".json", ".jsonl"):
            expect_size(file)
        with file.open("rb") as content:
            if content.read(len(_ARRAY)) == _ARRAY:
                _check_array(file)


def _check_variable(value: str, config: Mapping[str, Any]) -> None:
    """Refuse a variable that is more than one plain value: such grow with each other."""
    match = _VARIABLE.fullmatch(value)
    found: Any = config
    for part in match[1].split(".") if match else ():
        found = found.get(part) if isinstance(found, Mapping) else None
    large = isinstance(found, Mapping | list) or (isinstance(found, str) and ("$" in found or len(found) > _LONGEST))
    if match is None or large:
        raise refused(f"the variable {value[:80]!r}, which is not a plain value")


def _check_array(file: Path) -> None:
    import numpy as np

    try:
        with file.open("rb") as content:
            version = np.lib.format.read_magic(content)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(content)
            rest = file.stat().st_size - content.tell()
        if dtype.hasobject or math.prod(shape) * dtype.itemsize > rest:
            raise ValueError("it has objects, or less than it says")
    except (ValueError, OSError) as error:
        raise UserError(f"{file.name} is not an array: {str(error)[:200]}", code=_NO) from error


def refused(what: str) -> UserError:
    """Return the error for a pipeline that names what would be run."""
    return UserError(
        f"this pipeline of spaCy has {what}: that may run any installed code, and nothing of it was run",
        code="unsafe-spacy",
        hint="use spaCy's own components alone, or deploy a function that makes and calls the pipeline",
    )
