"""The graph of a SavedModel: what is refused before TensorFlow reads it, and the same bytes for the same module.

Only where TensorFlow is installed: its package has the definitions of the file.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlem_model.errors import UserError

_GRAPH = "saved_model.pb"
_UNSAFE = re.compile(
    r"ReadFile|WriteFile|MatchingFiles|(Eager)?PyFunc(Stateless)?|PrintV2|.*Dataset(V\d)?"
    r"|(WholeFile|TextLine|FixedLengthRecord|TFRecord)Reader(V2)?|Save|SaveSlices"
)
"""Operations that read, write or look for files, or call Python. Source: tensorflow/core/ops/io_ops.cc and
script_ops.cc (read 2026-11)."""
_SAVING = ("SaveV2", "MergeV2Checkpoints")
"""Operations that only the function has which saves a module's variables again."""
_CAPTURED = "_user_specified_name"
_NUMBERED = re.compile(r'(__(?:inference|forward|backward)_[^"]*?_)(\d+)(?=")')


def expect_plain(folder: Path) -> None:
    """Refuse a SavedModel whose graph works on files or calls Python.

    Args:
        folder: The SavedModel.

    Raises:
        UserError: It is none, or has such an operation.
    """
    for meta in _read(folder).meta_graphs:
        library = {one.signature.name: one.node_def for one in meta.graph_def.library.function}
        savers = _savers(meta)
        if savers & {*_called(library), *meta.object_graph_def.concrete_functions}:
            raise _refused("a call of what saves it")
        for name, nodes in [("", meta.graph_def.node), *library.items()]:
            for node in nodes:
                if _UNSAFE.fullmatch(node.op) or (node.op in _SAVING and name not in savers):
                    raise _refused(f"the operation {node.op}")


def make_stable(folder: Path) -> None:
    """Number the functions of a graph by their order: TensorFlow counts all that a process has made.

    Args:
        folder: The SavedModel, as TensorFlow has written it.
    """
    from google.protobuf import text_format

    graph = _read(folder)
    text = text_format.MessageToString(graph)
    found = sorted({(start, int(number)) for start, number in _NUMBERED.findall(text)})
    places = {
        (start, str(number)): f"{start}{place}"
        for start, group in itertools.groupby(found, lambda pair: pair[0])
        for place, (_, number) in enumerate(group)
    }
    text = _NUMBERED.sub(lambda match: places[match[1], match[2]], text)
    stable = text_format.Parse(text, type(graph)())
    for meta in stable.meta_graphs:
        for holder in _holders(meta.graph_def):
            if holder[_CAPTURED].s.isdigit():
                del holder[_CAPTURED]
        functions = sorted(meta.graph_def.library.function, key=lambda one: str(one.signature.name))
        del meta.graph_def.library.function[:]
        meta.graph_def.library.function.extend(functions)
    (folder / _GRAPH).write_bytes(stable.SerializeToString(deterministic=True))
    (folder / "fingerprint.pb").unlink(missing_ok=True)  # has a random number, and nobody needs it


def _holders(graph: Any) -> Iterator[Any]:
    """Yield the attributes that name a tensor which a function has captured: a number of it in memory."""
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    found = [node.attr for node in nodes]
    found += [one.attr for function in graph.library.function for one in function.arg_attr.values()]
    yield from (attributes for attributes in found if _CAPTURED in attributes)


def _read(folder: Path) -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        found = saved_model_pb2.SavedModel.FromString((folder / _GRAPH).read_bytes())
    except Exception as error:  # of the file system, and of protocol buffers
        raise UserError(f"this is not a SavedModel: {str(error)[:300]}", code="no-tensorflow") from error
    if not found.meta_graphs:
        raise UserError("this is not a SavedModel: it has no graph", code="no-tensorflow")
    return found


def _savers(meta: Any) -> set[str]:
    """Return the functions that save, which the node of that name calls."""
    place = meta.saver_def.save_tensor_name.partition(":")[0]
    return {name for node in meta.graph_def.node if node.name == place for name in _names(node)}


def _called(library: dict[str, Any]) -> Iterator[str]:
    for nodes in library.values():
        for node in nodes:
            yield node.op
            yield from _names(node)


def _names(node: Any) -> Iterator[str]:
    for value in node.attr.values():
        if value.func.name:
            yield value.func.name
        yield from (one.name for one in value.list.func)


def _refused(what: str) -> UserError:
    return UserError(
        f"this SavedModel has {what}, which works on files or calls Python",
        code="unsafe-tensorflow",
        hint="leave it out of what is saved: a deployed module gets its data from its callers",
    )
