"""Loading pipelines and models of transformers from files that are plain: no code, no server, no missing weights."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlem_model.errors import PluginError, UserError
from mlem_model.frameworks.text.folders import fields, read_json
from mlem_model.frameworks.text.safetensors_header import expect_plain as expect_plain_weights
from mlem_model.frameworks.text.transformers_files import CONFIG, laid_out, refused

TASKS: Mapping[str, tuple[str, ...]] = {
    "text-classification": ("ForSequenceClassification",),
    "token-classification": ("ForTokenClassification",),
    "fill-mask": ("ForMaskedLM",),
    "text-generation": ("ForCausalLM", "LMHeadModel"),
    "feature-extraction": ("Model",),
}
"""The tasks that take texts alone, and how the names of the classes end that are made for them."""
PARAMETERS = frozenset(
    {"top_k", "function_to_apply", "aggregation_strategy", "ignore_labels", "is_split_into_words", "delimiter"}
    | {"truncation", "padding", "max_length", "add_special_tokens", "tokenizer_kwargs", "return_full_text"}
    | {"clean_up_tokenization_spaces", "max_new_tokens", "min_new_tokens", "do_sample", "temperature", "top_p", "min_p"}
    | {"num_beams", "num_return_sequences", "repetition_penalty", "no_repeat_ngram_size", "length_penalty"}
    | {"early_stopping", "eos_token_id", "pad_token_id", "bos_token_id", "use_cache", "renormalize_logits"}
)
"""What a pipeline may be made with beside its parts. Others name models, code or folders: ``assistant_model``."""
NO = "no-transformers"
_REPEATED = re.compile(r"(layers?|depths?|blocks|stages|experts|heads)$")
_MOST_REPEATED = 10_000
"""So many layers, heads or experts no model has; each is made before anything is counted."""
_MOST_TIMES, _FREE = 4, 2**24
"""A model may have numbers that its files have once, or not at all: tied weights, masks."""


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
    odd = odd_parameter(parameters)
    if odd is not None:
        raise refused(f"the parameter {odd[:80]!r}")
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
    kind = _class_of(read_json(place / CONFIG, NO))
    expect_bounded(place)
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


def expect_bounded(place: Path) -> None:
    """Refuse a configuration that asks for far more memory than the files have numbers.

    The model is made without memory for its numbers first, which are counted.

    Args:
        place: Where files that are plain are laid out.

    Raises:
        UserError: It does, or it is none.
    """
    import torch

    config = read_json(place / CONFIG, NO)
    kind = _class_of(config)
    for _, name, value in fields(config):
        count = max(map(_number, value), default=0) if isinstance(value, list) else _number(value)
        if _REPEATED.search(name) and count > _MOST_REPEATED:
            raise UserError(f"{CONFIG} asks for {name} = {str(value)[:40]}", code="too-large")
    there = sum(map(expect_plain_weights, place.glob("*.safetensors")))
    try:
        own = needed_transformers().AutoConfig.from_pretrained(place, local_files_only=True, trust_remote_code=False)
        with quietly(), torch.device("meta"):
            empty = kind(own)
    except Exception as error:  # of many kinds
        raise UserError(f"this is not a model of transformers: {_short(error)}", code=NO) from error
    asked = sum(one.numel() for one in (*empty.parameters(), *empty.buffers()))
    if asked > _MOST_TIMES * there + _FREE:
        raise UserError(f"{CONFIG} asks for {asked} numbers, and the files have {there}", code="too-large")


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


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


def odd_parameter(parameters: Mapping[str, Any]) -> str | None:
    """Return the first parameter that is not plain data, or is none of `PARAMETERS`; None where all are."""
    return next(
        (name for name, value in parameters.items() if name not in PARAMETERS or not _is_plain(value)),
        None,
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain(item) for name, item in value.items())
    return value is None or isinstance(value, str | int | float | bool)


def modules_of(folder: Path) -> frozenset[str]:
    """Return the modules that a folder needs: a tokenizer of SentencePiece needs that, unless it was converted."""
    pieces = any(folder.rglob("*.model")) and not any(folder.rglob("tokenizer.json"))
    return frozenset({"transformers", "torch", "numpy", *(["sentencepiece"] if pieces else [])})


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
