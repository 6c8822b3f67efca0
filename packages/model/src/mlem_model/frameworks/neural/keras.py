"""Models of Keras 3 in its own format, ``.keras``: a configuration and weights, for each of its backends.

Loading runs no code of the file: Keras is asked to refuse code (``safe_mode``), and `keras_archive` refuses before it
what is code, or names anything but parts of Keras.

Source: https://keras.io/guides/serialization_and_saving/ (read 2026-11).
"""

from __future__ import annotations

import inspect
import os
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.errors import PluginError, UserError
from mlem_model.frameworks.neural.keras_archive import expect_plain, stable
from mlem_model.models.method_choice import PREDICT
from mlem_model.models.model_type import ModelType

BACKENDS = ("tensorflow", "torch", "jax")
_FILE = "model.keras"
_BACKEND = "KERAS_BACKEND"


class KerasModel(ModelType):
    """A model of Keras 3; it is loaded without what it was compiled with, ready to predict."""

    type: ClassVar[str] = "keras"
    format: ClassVar[str] = "keras"
    imports: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".keras",)
    converts: ClassVar[bool] = True
    first_only: ClassVar[bool] = False

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`."""
        return any(
            base.__name__ == "Model" and base.__module__ == "keras.src.models.model" for base in type(obj).__mro__
        )

    @classmethod
    def methods(cls, obj: Any) -> Mapping[str, str]:
        """See `ModelType.methods`."""
        return {PREDICT: PREDICT}

    @classmethod
    def served(cls, obj: Any) -> Any:
        """See `ModelType.served`."""
        return ServedKeras(obj)

    @classmethod
    def prepared(cls, obj: Any, sample_data: Any) -> Any:
        """See `ModelType.prepared`; the file's content.

        Raises:
            UserError: It has code, which the format only names: a lambda, or a class or function of the user's.
        """
        with tempfile.TemporaryDirectory(prefix="mlem-") as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the framework about its own
            path = Path(folder) / _FILE
            try:
                obj.save(path)
            except Exception as error:  # of many kinds
                raise UserError(
                    f"the {type(obj).__name__} can't be saved: {_short(error)}", code="not-saved"
                ) from error
            content = stable(path.read_bytes())
        expect_plain(content)
        try:
            _loaded(content, ())
        except UserError as error:
            hint = "register nothing, and use layers and functions of Keras alone"
            raise UserError(
                f"the {type(obj).__name__} can't be saved: {error.message}", code="not-saved", hint=hint
            ) from error
        return content

    @classmethod
    def dump(cls, obj: Any, file: IO[bytes]) -> frozenset[str]:
        """See `ModelType.dump`; the backend is needed, too."""
        import keras

        file.write(obj)
        return frozenset({"keras", keras.backend.backend(), "numpy"})

    @classmethod
    def load(cls, file: IO[bytes], requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load`; with the backend that it was saved with, unless Keras has another one already.

        Raises:
            UserError: It is not such a model, or has something that would be run.
        """
        content = file.read()
        expect_plain(content)
        return _loaded(content, requirements)


class ServedKeras:
    """A model of Keras that answers with arrays, without training.

    Args:
        model: The model.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        inputs = getattr(model, "_inputs_struct", None)
        self._names = [*map(str, inputs)] if isinstance(inputs, dict) else _names(model)
        self._by_name = isinstance(inputs, dict)
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter(name, kind) for name in self._names]
        self.predict = _Predict(self, inspect.Signature(parameters))

    def answer(self, *inputs: Any, **named: Any) -> Any:
        """Return the answer as an array, or as a list or dict of arrays where the model has several outputs.

        Args:
            inputs: Arrays, lists, frames or tensors, in the order of the model's inputs.
            named: The same, by name.
        """
        import keras

        values = [*inputs, *(named[name] for name in self._names if name in named)]
        given = [_plain(value) for value in values]
        if self._by_name:
            answer = self._model(dict(zip(self._names, given, strict=True)), training=False)
        else:
            answer = self._model(given[0] if len(given) == 1 else given, training=False)
        return keras.tree.map_structure(keras.ops.convert_to_numpy, answer)


class _Predict:
    """The method of `ServedKeras`, with the signature that the model's inputs make."""

    def __init__(self, served: ServedKeras, signature: inspect.Signature) -> None:
        self._served = served
        self.__signature__ = signature

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        return self._served.answer(*inputs, **named)


def _names(model: Any) -> list[str]:
    inputs = getattr(model, "inputs", None) or ()
    names = [str(one.name).replace("/", "_") for one in inputs]
    fits = len(names) > 1 and len(set(names)) == len(names) and all(map(str.isidentifier, names))
    return names if fits else ["x"] if len(names) < 2 else [f"input_{number}" for number in range(len(names))]


def _plain(value: Any) -> Any:
    import numpy as np

    return np.asarray(value) if isinstance(value, list | tuple) or hasattr(value, "iloc") else value


def _loaded(content: bytes, requirements: Sequence[Requirement]) -> Any:
    keras = _keras(requirements)
    with tempfile.TemporaryDirectory(prefix="mlem-") as folder:
        path = Path(folder) / _FILE
        path.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the framework about its own
                return keras.models.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # of many kinds
            raise UserError(f"Keras can't load the model: {_short(error)}", code="no-keras") from error


def _keras(requirements: Sequence[Requirement]) -> Any:
    backend = next((one.module for one in requirements if one.module in BACKENDS), None)
    if backend is not None and "keras" not in sys.modules:
        os.environ.setdefault(_BACKEND, backend)  # Keras reads it once, when it is imported
    try:
        import keras
    except ImportError as error:
        needed = f"keras {backend}" if backend else "keras and a backend"
        raise PluginError(f"models of Keras need {needed}: {error}", hint=f"pip install {needed}") from error
    return keras


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
