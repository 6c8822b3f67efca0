"""Graphs of ONNX: a ``ModelProto``, or a session of onnxruntime that was made of bytes or of a file.

Loading runs no code of the file. A graph may name files with its weights: ours name one beside them, and a graph that
names any other is refused before anything of it is read.

Source: https://onnx.ai/onnx/repo-docs/ExternalData.html, https://onnxruntime.ai/docs/api/python/api_summary.html (read
2026-11).
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.errors import PluginError, UserError
from mlem_model.models.method_choice import PREDICT
from mlem_model.models.model_type import ModelType

_GRAPH, _WEIGHTS = "model.onnx", "weights.bin"
_MOST_BYTES = 2**31 - 1
"""Protocol buffers hold less than 2 GiB: https://protobuf.dev/programming-guides/proto-limits/ (read 2026-11)."""
_DTYPES = {
    "tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16", "tensor(bool)": "bool",
    "tensor(string)": "object",
    **{f"tensor({name})": name for bits in (8, 16, 32, 64) for name in (f"int{bits}", f"uint{bits}")},
}  # fmt: skip


class OnnxGraph(ModelType):
    """A graph; what is loaded is a session that runs it on the processor."""

    type: ClassVar[str] = "onnx"
    format: ClassVar[str] = "onnx"
    first_only: ClassVar[bool] = False
    files: ClassVar[bool] = True
    imports: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".onnx",)
    most_inside: ClassVar[int] = _MOST_BYTES
    """A graph of more bytes has its weights in a file of their own."""

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`."""
        top, name = type(obj).__module__.partition(".")[0], type(obj).__name__
        return (top, name) in (("onnx", "ModelProto"), ("onnxruntime", "InferenceSession"))

    @classmethod
    def methods(cls, obj: Any) -> Mapping[str, str]:
        """See `ModelType.methods`."""
        return {PREDICT: "__call__"}

    @classmethod
    def served(cls, obj: Any) -> Any:
        """See `ModelType.served`."""
        return ServedGraph(_session(_content(obj)) if type(obj).__name__ == "ModelProto" else obj)

    @classmethod
    def prepared(cls, obj: Any, sample_data: Any) -> Any:
        """See `ModelType.prepared`; the graph with all of its weights.

        Raises:
            UserError: Its weights are in files that it was loaded without, or nobody knows what a session was made of.
        """
        onnx = _onnx()
        if type(obj).__name__ == "ModelProto":
            if next(_outside(obj), None) is not None:
                raise UserError(
                    "the graph's weights are in files that were not loaded with it",
                    code="not-saved",
                    hint="load it with them: onnx.load(path)",
                )
            return obj
        content, path = getattr(obj, "_model_bytes", None), getattr(obj, "_model_path", None)
        try:
            return onnx.load_model_from_string(content) if content else onnx.load(os.fspath(path or ""))
        except Exception as error:  # of the file system, of protocol buffers, of onnx's own checks
            hint = "save what it was made of: mlem.api.save(onnx.load(path), ...)"
            raise UserError(
                f"the session's graph can't be read: {_short(error)}", code="not-saved", hint=hint
            ) from error

    @classmethod
    def dump_files(cls, obj: Any, folder: Path) -> frozenset[str]:
        """See `ModelType.dump_files`."""
        if obj.ByteSize() < cls.most_inside:
            (folder / _GRAPH).write_bytes(_content(obj))
        else:
            copy = type(obj)()
            copy.CopyFrom(obj)
            _onnx().save_model(copy, str(folder / _GRAPH), save_as_external_data=True, location=_WEIGHTS)
        return frozenset({"onnx", "onnxruntime", "numpy"})

    @classmethod
    def load_files(cls, folder: Path, requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load_files`.

        Raises:
            UserError: It is not a graph, or it names a file that is not beside it.
        """
        weights = folder / _WEIGHTS
        beside = weights.read_bytes() if weights.is_file() else None
        try:
            content = (folder / _GRAPH).read_bytes()
            graph = _onnx().load_model_from_string(content)
        except PluginError:
            raise
        except Exception as error:  # of the file system, and of protocol buffers
            raise UserError(f"this is not an ONNX graph: {_short(error)}", code="no-onnx") from error
        _expect_beside(graph, len(beside or b""))
        return _session(content, beside)

    @classmethod
    def read(cls, path: Path, trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.read`; weights in files of their own have to lie beside the graph.

        Raises:
            UserError: It is not a graph, or it names a file that is elsewhere.
        """
        onnx = _onnx()
        try:
            graph = onnx.load_model_from_string(path.read_bytes())
        except Exception as error:  # of the file system, and of protocol buffers
            raise UserError(f"{path.name} is not an ONNX graph: {_short(error)}", code="no-onnx") from error
        home = path.resolve().parent
        for place in _outside(graph):
            name = place.get("location", "")
            file = (home / name).resolve()
            if file.parent != home or not file.is_file():
                raise UserError(
                    f"{path.name} has weights in {name!r}, which is no file beside it",
                    code="outside",
                    hint="put the files that were saved with it into its folder",
                )
        return onnx.load(os.fspath(path)) if next(_outside(graph), None) is not None else graph


class ServedGraph:
    """A session that is called with its inputs, and answers with its output, or with all of several by name.

    Args:
        session: The graph, ready to run.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._inputs = session.get_inputs()
        self._outputs = [output.name for output in session.get_outputs()]
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        names = [re.sub(r"\W|^(?=\d)", "_", one.name) for one in self._inputs]
        if len(set(names)) < len(names):
            names = [f"input_{number}" for number in range(len(names))]
        self._names = names
        self.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Return what the graph answers.

        Args:
            inputs: Arrays, lists, frames or tensors, in the order of the graph's inputs.
            named: The same, by name.
        """
        values = {**dict(zip(self._names, inputs, strict=False)), **named}
        given = {
            one.name: _array(values[name], one.type)
            for name, one in zip(self._names, self._inputs, strict=True)
            if name in values
        }
        try:
            found = dict(zip(self._outputs, self._session.run(None, given), strict=True))
        except Exception as error:  # classes of the extension module, without a base of their own
            raise ValueError(_short(error)) from error
        return found if len(found) > 1 else next(iter(found.values()))


def _array(value: Any, kind: str) -> Any:
    """Return a value as an array of the dtype that an input has, where that loses nothing but precision."""
    import numpy as np

    array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    dtype = _DTYPES.get(kind)
    if dtype is None or array.dtype == dtype:
        return array
    alike = (array.dtype.kind, np.dtype(dtype).kind) in {("f", "f"), ("i", "i"), ("i", "f"), ("u", "f"), ("U", "O")}
    return array.astype(dtype) if alike else array


def _content(graph: Any) -> bytes:
    return bytes(graph.SerializeToString(deterministic=True))


def _session(content: bytes, weights: bytes | None = None) -> Any:
    """Make a session of bytes alone, so that it opens no file."""
    try:
        import onnxruntime
    except ImportError as error:
        hint = "pip install 'mlem-core[onnx]'"
        raise PluginError("graphs of ONNX need the package onnxruntime", hint=hint) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors are raised
    if weights is not None:
        options.add_external_initializers_from_files_in_memory([_WEIGHTS], [weights], [len(weights)])
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # a class of the extension module, without a base of its own
        raise UserError(f"this ONNX graph can't be run: {_short(error)}", code="no-onnx") from error


def _expect_beside(graph: Any, size_bytes: int) -> None:
    """Refuse a graph that reads any file but the one with our weights, or beyond its end."""
    for place in _outside(graph):
        if place.get("location") != _WEIGHTS:
            raise UserError(
                f"the ONNX graph reads {place.get('location', 'a file')[:200]!r}, which is not a file of the model",
                code="unsafe-onnx",
                hint="save it with its weights: mlem.api.save(onnx.load(path), ...)",
            )
        start, length = _number(place.get("offset", "0")), _number(place.get("length", "0"))
        if start + length > size_bytes:
            raise UserError(f"the ONNX graph reads beyond the end of {_WEIGHTS}", code="no-onnx")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else _MOST_BYTES**3


def _outside(message: Any) -> Iterator[dict[str, str]]:
    """Yield where each tensor is that is not in the graph, wherever in it: also in functions and in branches."""
    if type(message).__name__ == "TensorProto":
        if message.external_data or message.data_location:
            yield {entry.key: entry.value for entry in message.external_data}
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                yield from _outside(part)


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise PluginError("graphs of ONNX need the package onnx", hint="pip install 'mlem-core[onnx]'") from error
    return onnx


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
