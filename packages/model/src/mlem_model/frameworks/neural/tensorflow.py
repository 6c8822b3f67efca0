"""Modules of TensorFlow as a SavedModel: a folder with a graph, variables and assets.

Loading runs no Python of the files. But a SavedModel is a program: TensorFlow runs parts of its graph when it loads it,
to fill tables, and says to run it only where its author is trusted
(https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md, read 2026-11). A graph with operations on files or on
Python is refused before that.

Source: https://www.tensorflow.org/guide/saved_model (read 2026-11).
"""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.data.types.base import module_of
from mlem_model.errors import PluginError, UserError
from mlem_model.frameworks.neural.tensorflow_graph import expect_plain, make_stable
from mlem_model.models.method_choice import PREDICT
from mlem_model.models.model_type import ModelType

_DEFAULT = "serving_default"
_MODULE = ("tensorflow.python.module.module", "Module")


class TensorflowModel(ModelType):
    """A ``tf.Module`` that can be called, or what ``tf.saved_model.load`` has read, with its signature."""

    type: ClassVar[str] = "tensorflow"
    format: ClassVar[str] = "saved_model"
    converts: ClassVar[bool] = True
    first_only: ClassVar[bool] = False
    files: ClassVar[bool] = True
    imports: ClassVar[bool] = True

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """See `ModelType.recognises`."""
        return (path / "saved_model.pb").is_file()

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`."""
        bases = [(base.__module__, base.__name__) for base in type(obj).__mro__]
        loaded = ("tensorflow.python.saved_model.load", "_UserObject") in bases
        return loaded or _MODULE in bases

    @classmethod
    def methods(cls, obj: Any) -> Mapping[str, str]:
        """See `ModelType.methods`."""
        return {PREDICT: "__call__"}

    @classmethod
    def served(cls, obj: Any) -> Any:
        """See `ModelType.served`."""
        return ServedSignature(obj)

    @classmethod
    def prepared(cls, obj: Any, sample_data: Any) -> Any:
        """See `ModelType.prepared`; the object with the signature that is saved.

        Raises:
            UserError: It can't be called, or not without Python.
        """
        signatures = _signatures(obj)
        if signatures:
            return obj, signatures
        if sample_data is None:
            raise UserError(
                "a tf.Module is saved with sample_data, or with a signature",
                code="not-saved",
                hint="mlem.api.save(module, name, sample_data=...)",
            )
        served = ServedSignature(obj)
        specs = {name: _spec(value) for name, value in served.inputs(sample_data).items()}
        try:
            call = _tensorflow().function(lambda **inputs: served.outputs(obj(**inputs)))
            return obj, {_DEFAULT: call.get_concrete_function(**specs)}
        except Exception as error:  # the user's code, and what tracing says of it
            raise UserError(
                f"the {type(obj).__name__} has no graph: {_short(error)}",
                code="not-saved",
                hint="use operations of TensorFlow alone in __call__",
            ) from error

    @classmethod
    def dump_files(cls, obj: Any, folder: Path) -> frozenset[str]:
        """See `ModelType.dump_files`."""
        module, signatures = obj
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the framework about its own
                _tensorflow().saved_model.save(module, str(folder), signatures=signatures)
        except Exception as error:  # of many kinds
            raise UserError(f"the {type(module).__name__} can't be saved: {_short(error)}", code="not-saved") from error
        make_stable(folder)
        expect_plain(folder)
        return frozenset({"tensorflow", "numpy"})

    @classmethod
    def load_files(cls, folder: Path, requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load_files`.

        Raises:
            UserError: It is not a SavedModel, or one with operations on files.
        """
        tf = _tensorflow()
        expect_plain(folder)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the framework about its own
                return tf.saved_model.load(str(folder))
        except Exception as error:  # of many kinds
            raise UserError(f"this is not a SavedModel: {_short(error)}", code="no-tensorflow") from error


class ServedSignature:
    """A module that is called with arrays, lists, frames or tensors.

    Args:
        module: A module, or what was loaded: then its signature for serving is called.
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        found = _signatures(module)
        self._signature = found.get(_DEFAULT) or next(iter(found.values()), None)
        if self._signature is not None:
            names = sorted(self._signature.structured_input_signature[1])
        elif callable(module):
            names = sorted(_required(module))
        else:
            hint = "give it a method __call__, or load one with a signature: tf.saved_model.load"
            raise UserError(f"the {type(module).__name__} can't be called", code="no-methods", hint=hint)
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        self._names = names
        self.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Return what the module answers: a tensor, or tensors by name.

        Args:
            inputs: The inputs, in the order of their names.
            named: The same, by name.
        """
        given = self.inputs({**dict(zip(self._names, inputs, strict=False)), **named})
        answer = self.outputs(self._module(**given) if self._signature is None else self._signature(**given))
        return answer if len(answer) > 1 else next(iter(answer.values()))

    def inputs(self, values: Any) -> dict[str, Any]:
        """Return tensors by name; a single one may come without its name."""
        if not isinstance(values, Mapping) or not values.keys() <= {*self._names}:
            values = dict(zip(self._names, values if isinstance(values, tuple) else (values,), strict=False))
        return {name: self._tensor(name, value) for name, value in values.items()}

    def outputs(self, answer: Any) -> dict[str, Any]:
        """Return the tensors of an answer by the names that a SavedModel has for them."""
        if isinstance(answer, Mapping):
            return dict(answer)
        items = answer if isinstance(answer, list | tuple) else (answer,)
        return {f"output_{number}": item for number, item in enumerate(items)}

    def _tensor(self, name: str, value: Any) -> Any:
        tf = _tensorflow()
        if module_of(value) == "tensorflow":
            return value
        spec = None if self._signature is None else self._signature.structured_input_signature[1][name]
        dtype = getattr(spec, "dtype", None)
        plain = value.to_numpy() if hasattr(value, "iloc") else value
        with contextlib.suppress(TypeError, ValueError):
            if dtype is not None:
                return tf.cast(tf.convert_to_tensor(plain), dtype) if dtype.is_floating else tf.convert_to_tensor(plain)
        return tf.convert_to_tensor(plain)


def _signatures(obj: Any) -> dict[str, Any]:
    found = getattr(obj, "signatures", None)
    return dict(found) if isinstance(found, Mapping) else {}


def _required(module: Any) -> list[str]:
    function = getattr(module.__call__, "python_function", module.__call__)
    parameters = inspect.signature(function).parameters.values()
    named = [one for one in parameters if one.name != "self" and one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    return [one.name for one in named if one.default is inspect.Parameter.empty] or [one.name for one in named[:1]]


def _spec(tensor: Any) -> Any:
    tf = _tensorflow()
    return tf.TensorSpec([None, *tensor.shape[1:]] if len(tensor.shape) else [], tensor.dtype)


def _tensorflow() -> Any:
    try:
        import tensorflow
    except ImportError as error:
        raise PluginError("models of TensorFlow need the package tensorflow", hint="pip install tensorflow") from error
    return tensorflow


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
