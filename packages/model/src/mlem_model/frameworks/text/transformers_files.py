"""The files of a model of transformers: what is refused before they are read, and the same files for the same model.

A configuration may name code in its folder or in a repository of the hub (``auto_map``, ``custom_pipelines``, kernels,
quantizers), and other files; weights may be a pickle (``pytorch_model.bin``). transformers asks before it runs some of
that. None of it gets that far: only files of data are laid out for it, and only plain fields of them.

Source: https://huggingface.co/docs/transformers/main/en/models, "Custom models", and ``modeling_utils.py``,
``models/auto/tokenization_auto.py``, ``tokenization_utils_base.py`` of transformers 5.24 (read 2026-11).
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlem_model.errors import UserError
from mlem_model.frameworks.text.folders import expect_size, fields, read_json
from mlem_model.frameworks.text.safetensors_header import expect_plain as expect_plain_weights

CONFIG = "config.json"
INDEX = ".safetensors.index.json"
_TOKENIZER_CONFIG = "tokenizer_config.json"
_ADAPTER = "adapter_config.json"
_WEIGHTS = ".safetensors"
_TEXTS = (".json", ".txt", ".jinja", ".model", ".tiktoken", ".vocab", ".spm", ".bpe")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack")
_CODE = ("auto_map", "custom_pipelines", "custom_generate", "quantization_config", "transformers_weights")
_CODE_UNLESS = {
    **dict.fromkeys(
        ("attn_implementation", "_attn_implementation", "_attn_implementation_internal"), ("eager", "sdpa")
    ),
    **dict.fromkeys(("experts_implementation", "_experts_implementation"), ("eager", "grouped_mm", "batched_mm")),
    **dict.fromkeys(("use_pretrained_backbone", "use_timm_backbone", "use_kernels", "trust_remote_code"), (False,)),
}
_TOKENIZER = re.compile(r"\w*Tokenizer(Fast)?|(Tokenizers|Python|SentencePiece)Backend")
_WEIGHTS_NAME = re.compile(r"[\w.-]+\.safetensors")
_OF_THE_SAVER = ("_name_or_path", "name_or_path", "is_local", "local_files_only")
"""Fields that say where somebody has loaded it from, and how."""
_LARGEST_CONFIG = 8 * 2**20
_NO = "no-transformers"


@contextmanager
def laid_out(folder: Path) -> Iterator[Path]:
    """Lay out the files that are data, with plain fields, in a folder of their own, where transformers may read them.

    Args:
        folder: A folder with a model, whose weights may be in folders in it.

    Yields:
        The folder, which is removed afterwards.

    Raises:
        UserError: The files name code or other files, or are none of a model.
    """
    with tempfile.TemporaryDirectory(prefix="mlem-model-") as name:
        for file in sorted(item for item in folder.rglob("*") if item.is_file()):
            inside = file.relative_to(folder)
            if file.suffix not in (_WEIGHTS, *_TEXTS) or any(part.startswith(".") for part in inside.parts):
                continue
            target = Path(name) / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.suffix == _WEIGHTS:
                expect_plain_weights(file)
            elif file.suffix == ".json":
                content = _checked(file)
                if content is not None:
                    target.write_text(json.dumps(content))
                    continue
            else:
                expect_size(file)
            os.symlink(file.resolve(), target)
        yield Path(name)


def expect_weights(folder: Path) -> None:
    """Refuse a folder without weights in safetensors, and say what it has instead.

    Args:
        folder: The folder, as it was given.

    Raises:
        UserError: It has none.
    """
    if any(folder.rglob(f"*{_WEIGHTS}")):
        return
    pickles = sorted(item.name for item in folder.rglob("*") if item.suffix in _PICKLES)
    raise UserError(
        f"{folder.name} has its weights as {pickles[0]}, which is not safe to load"
        if pickles
        else f"{folder.name} has no weights in safetensors",
        code="unsafe-transformers" if pickles else _NO,
        hint="load it where it is trusted, and save it anew: model.save_pretrained(folder) writes model.safetensors",
    )


def make_stable(folder: Path) -> None:
    """Leave out of the configurations what says where the saver had the model from.

    Args:
        folder: The folder, as transformers has written it.
    """
    for file in sorted(folder.rglob("*config.json")):
        data = json.loads(file.read_bytes())
        if isinstance(data, dict):
            kept = {name: value for name, value in data.items() if name not in _OF_THE_SAVER}
            file.write_text(json.dumps(kept, indent=2, sort_keys=True))


def _checked(file: Path) -> Any:
    """Return the plain content of a configuration; None for another file in JSON."""
    if file.name.endswith(INDEX):
        _check_index(file)
        return None
    if not file.name.endswith("config.json"):
        expect_size(file)
        return None
    if file.name == _ADAPTER:
        raise refused("an adapter, whose model is elsewhere")
    content = read_json(file, _NO, _LARGEST_CONFIG)
    for _, name, value in fields(content):
        allowed = _CODE_UNLESS.get(name, ())
        if name in _CODE or (name in _CODE_UNLESS and value is not None and value not in allowed):
            raise refused(f"{name} in {file.name}: {str(value)[:80]}")
        if name == "tokenizer_class" and value is not None and not _TOKENIZER.fullmatch(str(value)):
            raise refused(f"the tokenizer {str(value)[:80]!r} in {file.name}")
    if file.name == _TOKENIZER_CONFIG and isinstance(content, dict):
        # paths of whoever has saved it: the files beside it are taken by their names
        return {name: value for name, value in content.items() if not name.endswith(("_file", "_files"))}
    return content


def _check_index(file: Path) -> None:
    index = read_json(file, _NO)
    names = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(names, dict):
        raise UserError(f"{file.name} names no weights", code=_NO)
    for name in {str(name) for name in names.values()}:
        if not _WEIGHTS_NAME.fullmatch(name) or not (file.parent / name).is_file():
            raise UserError(f"{file.name} has weights in {name[:100]!r}, which is no file beside it", code="outside")


def refused(what: str) -> UserError:
    """Return the error for a model whose files name what would be run."""
    return UserError(
        f"this model has {what}: that is code, or is loaded from elsewhere, and nothing of it was run",
        code="unsafe-transformers",
        hint="if you trust who made it, load it where its code is, and deploy a function that calls it",
    )
