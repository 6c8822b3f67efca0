"""Loading pipelines and models of transformers from files that are plain: no code, no server, no missing weights."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlem_model.errors import PluginError, UserError
from mlem_model.frameworks.text.folders import read_json
from mlem_model.frameworks.text.transformers_files import CONFIG, laid_out, refused

TASKS: Mapping[str, tuple[str, ...]] = {
    "text-classification": ("ForSequenceClassification",),
    "token-classification": ("ForTokenClassification",),
    "fill-mask": ("ForMaskedLM",),
    "text-generation": ("ForCausalLM", "LMHeadModel"),
    "feature-extraction": ("Model",),
}
"""The tasks that take texts alone, and how the names of the classes end that are made for them."""
NO = "no-transformers"


def needed_transformers() -> Any:
    """Import transformers.

    Raises:
        PluginError: It is not installed.
    """
    try:
        import transformers
    except ImportError as error:
        hint = "pip install 'mlem-core[transformers]'"
        raise PluginError("models of transformers need the packages transformers and torch", hint=hint) from error
    return transformers


@contextmanager
def quietly() -> Iterator[None]:
    """Keep what transformers says of its own to itself, bars of progress included, while the context lasts."""
    logging = needed_transformers().utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if shown:
            logging.enable_progress_bar()


def pipeline_of(folder: Path, task: str, parameters: Mapping[str, Any]) -> Any:
    """Load a pipeline.

    Args:
        folder: The folder with its model and its tokenizer.
        task: One of `TASKS`.
        parameters: What it was made with beside them.

    Raises:
        UserError: It is no pipeline, or has something that would be run.
    """
    transformers = needed_transformers()
    with laid_out(folder) as place:
        model = model_of(place)
        try:
            with quietly():
                tokenizer = transformers.AutoTokenizer.from_pretrained(
                    place, local_files_only=True, trust_remote_code=False
                )
                return transformers.pipeline(task, model=model, tokenizer=tokenizer, **parameters)
        except Exception as error:  # of many kinds
            raise UserError(f"this is not a pipeline of transformers: {_short(error)}", code=NO) from error


def model_of(place: Path) -> Any:
    """Load a model of files that are plain.

    Raises:
        UserError: They are damaged, or some weights are missing, which would be random.
    """
    config = read_json(place / CONFIG, NO)
    kind = _class_of(config)
    try:
        with quietly():
            model, about = kind.from_pretrained(
                place, local_files_only=True, trust_remote_code=False, use_safetensors=True, output_loading_info=True
            )
    except Exception as error:  # of many kinds
        raise UserError(f"this is not a model of transformers: {_short(error)}", code=NO) from error
    missing = sorted(map(str, [*about["missing_keys"], *about["mismatched_keys"]]))
    if missing:
        raise UserError(f"the model's files have no weights for {', '.join(missing[:5])[:300]}", code=NO)
    return model.eval()


def _class_of(config: Any) -> Any:
    transformers = needed_transformers()
    names = config.get("architectures") if isinstance(config, dict) else None
    name = names[0] if isinstance(names, list) and names else None
    if not isinstance(name, str) or not name.isidentifier():
        raise UserError(f"{CONFIG} names no architecture", code=NO)
    found = getattr(transformers, name, None)
    if not isinstance(found, type) or not issubclass(found, transformers.PreTrainedModel):
        raise refused(f"the architecture {name[:80]!r}, which this version of transformers does not have")
    return found


def task_of(path: Path) -> str | None:
    """Return the task for which a folder's model was made; None where it takes other things than texts."""
    config = read_json(path / CONFIG, NO)
    names = config.get("architectures") if isinstance(config, dict) else None
    name = str(names[0]) if isinstance(names, list) and names else ""
    return next((task for task, ends in TASKS.items() if name.endswith(ends)), None)


def is_plain(value: Any) -> bool:
    """Say whether a value is JSON."""
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) and is_plain(item) for name, item in value.items())
    return value is None or isinstance(value, str | int | float | bool)


def modules_of(folder: Path) -> frozenset[str]:
    """Return the modules that a folder needs: a tokenizer of SentencePiece needs that, unless it was converted."""
    pieces = any(folder.rglob("*.model")) and not any(folder.rglob("tokenizer.json"))
    return frozenset({"transformers", "torch", "numpy", *(["sentencepiece"] if pieces else [])})


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
