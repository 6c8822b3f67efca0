"""What is checked of an exported program of PyTorch before its reader sees it.

The reader runs what a hostile file asks for: it unpickles what the file marks as pickled, and, after a safe try,
whatever it can't read safely; it evaluates texts as expressions of SymPy, looks functions up by their names, and makes
Python of names. None of that is in a program that we save: tensors are raw bytes, and names are names.

Source: ``deserialize_torch_artifact``, ``deserialize_operator``, ``_parse_sym_expr`` in
``torch/_export/serde/serialize.py``, ``_load_state_dict`` and ``_load_constants`` in
``torch/export/pt2_archive/_package.py``, of torch 2.13 (read 2026-11).
"""

from __future__ import annotations

import ast
import json
import re
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from mlem_model.errors import UserError

_PLACES = re.compile(
    r"[^/]+/(\.data/(version|serialization_id)|archive_format|archive_version|byteorder|version"
    r"|models/model\.json|data/sample_inputs/model\.pt"
    r"|data/weights/(model_weights_config\.json|weight_\d+)"
    r"|data/constants/(model_constants_config\.json|tensor_\d+))"
)
"""The only files that a program of ours has: no pickle, no compiled library."""
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_SYMBOL = re.compile(r"\w{0,100}")
_OPERATORS = re.compile(
    r"torch\.ops\.(aten|prims|torchvision|torchaudio|quantized_decomposed)\.\w+\.\w+"
    r"|torch\.ops\.higher_order\.(cond|map_impl|scan|while_loop|associative_scan|wrap_with_set_grad_enabled"
    r"|wrap_with_autocast)"
    r"|torch\.sym_(int|float|max|min|not|sqrt|ite)|_operator\.(add|sub|mul|floordiv|truediv|mod|pow|neg|eq|ne|lt|le|gt|ge"
    r"|getitem|and_|or_|not_)|math\.(ceil|floor|trunc|sqrt)"
)
_FILES = re.compile(r"torch\.ops\.aten\.from_file\.")
_CONTAINERS = (None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict")
_EXPRESSION = (
    ast.Expression, ast.Call, ast.keyword, ast.Name, ast.Load, ast.Constant, ast.UnaryOp, ast.USub, ast.BinOp, ast.Add,
    ast.Sub, ast.Mult, ast.Pow, ast.Div, ast.FloorDiv, ast.Mod, ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt,
    ast.GtE,
)  # fmt: skip
_LONGEST = 10_000


def expect_plain(file: IO[bytes]) -> None:
    """Refuse an archive that has anything which its reader would run.

    Args:
        file: The archive; it is at its start afterwards.

    Raises:
        UserError: It is not an archive, or has such a thing.
    """
    try:
        file.seek(0)
        with zipfile.ZipFile(file) as archive:
            _check(archive)
    except (zipfile.BadZipFile, ValueError, KeyError, RecursionError, EOFError, OSError, NotImplementedError) as error:
        raise UserError(f"this is not a program of torch.export: {str(error)[:300]}", code="no-torch") from error
    finally:
        file.seek(0)


def _check(archive: zipfile.ZipFile) -> None:
    for entry in archive.infolist():
        if not _PLACES.fullmatch(entry.filename):
            raise _refused(f"the file {entry.filename[:100]!r}")
        if entry.compress_type != zipfile.ZIP_STORED:
            raise _refused("compressed files")
        if entry.filename.endswith(".pt") and entry.file_size:
            raise _refused("a pickle of inputs")
    names = archive.namelist()
    if len({name.partition("/")[0] for name in names}) != 1 or len(set(names)) != len(names):
        raise _refused("two files of one name")
    for name in names:
        if name.endswith("_config.json"):
            _check_tensors(json.loads(archive.read(name)))
        elif name.endswith("model.json"):
            _check_graph(json.loads(archive.read(name)))


def _check_tensors(config: Any) -> None:
    for tensor in config["config"].values():
        if tensor.get("use_pickle") is not False or not isinstance(tensor.get("tensor_meta"), dict):
            raise _refused("a pickled tensor")
    _check_texts(config)


def _check_graph(program: Any) -> None:
    if program.get("guards_code"):
        raise _refused("guards, which are Python")
    _check_texts(program)


def _check_texts(data: Any) -> None:
    for key, text in _texts(data):
        if key == "target" and (not _OPERATORS.fullmatch(text) or _FILES.match(text)):
            raise _refused(f"the function {text[:100]!r}")
        if key == "expr_str":
            _check_expression(text)
        if key in ("in_spec", "out_spec") and text:
            _check_containers(json.loads(text))
        if key in ("name", "graph", "forward_arg_names", "class_fqn") and text and not _NAME.fullmatch(text):
            raise _refused(f"the name {text[:100]!r}")


def _check_expression(text: str) -> None:
    if len(text) > _LONGEST:
        raise _refused("a very long expression")
    for node in ast.walk(ast.parse(text, mode="eval")):
        named = isinstance(node, ast.Name) and (node.id.startswith("_") or not node.id.isascii())
        quoted = isinstance(node, ast.Constant) and isinstance(node.value, str) and not _SYMBOL.fullmatch(node.value)
        called = isinstance(node, ast.Call) and not isinstance(node.func, ast.Name)
        if named or quoted or called or not isinstance(node, _EXPRESSION):
            raise _refused(f"the expression {text[:100]!r}")


def _check_containers(spec: Any) -> None:
    parts = spec[1:] if isinstance(spec, list) else spec.get("children_spec", [])
    if isinstance(spec, dict) and spec.get("type") not in _CONTAINERS:
        raise _refused(f"a container of the type {str(spec.get('type'))[:100]!r}")
    for part in parts:
        _check_containers(part)


def _texts(data: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(data, dict):
        for name, item in data.items():
            yield from _texts(item, name)
    elif isinstance(data, list):
        for item in data:
            yield from _texts(item, key)
    elif isinstance(data, str):
        yield key, data


def _refused(what: str) -> UserError:
    return UserError(
        f"this program of torch.export has {what}, which reading it might run",
        code="unsafe-torch",
        hint='save the module anew with mlem.api.save, or as a pickle, which includes code: format="pickle"',
    )
