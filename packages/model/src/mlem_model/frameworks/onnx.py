"""Scikit-learn's objects as ONNX graphs: loading runs no Python of the file, and needs no scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any, ClassVar

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.errors import PluginError, UserError
from mlem_model.frameworks.sklearn import SklearnModel
from mlem_model.models.errors import UnfitError

_INPUT = "X"
_HINT = "pip install 'mlem-core[onnx]'"


class OnnxModel(SklearnModel):
    """An object with a scikit-learn class among its bases, saved with ``format="onnx"``; it takes only numbers.

    Source: https://onnx.ai/sklearn-onnx/api_summary.html (read 2026-11).
    """

    type: ClassVar[str] = "sklearn_onnx"
    format: ClassVar[str] = "onnx"
    converts: ClassVar[bool] = True

    @classmethod
    def dump(cls, obj: Any, file: IO[bytes]) -> frozenset[str]:
        """See `ModelType.dump`.

        Raises:
            UnfitError: It can't be converted.
        """
        try:
            from skl2onnx import to_onnx
            from skl2onnx.common.data_types import DoubleTensorType
        except ImportError as error:
            raise PluginError("saving a model as ONNX needs the package skl2onnx", hint=_HINT) from error
        from sklearn.base import is_classifier

        options = {id(obj): {"zipmap": False}} if is_classifier(obj) else None
        try:
            graph = to_onnx(
                obj, initial_types=[(_INPUT, DoubleTensorType([None, obj.n_features_in_]))], options=options
            )
        except Exception as error:  # the converters may raise anything
            raise UnfitError(
                f"a {type(obj).__qualname__} can't be converted to ONNX: {error}",
                code="no-onnx",
                hint='save it with format="skops"',
            ) from error
        file.write(graph.SerializeToString())
        return frozenset({"numpy", "onnxruntime"})

    @classmethod
    def methods(cls, obj: Any) -> dict[str, str]:
        """See `ModelType.methods`; a graph has only the methods of `OnnxEstimator`."""
        names = ("predict", "predict_proba") if hasattr(obj, "predict") else ("transform",)
        return {name: name for name in names if callable(getattr(obj, name, None))}

    @classmethod
    def load(cls, file: IO[bytes], requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load`."""
        try:
            import onnxruntime
        except ImportError as error:
            raise PluginError("models in the format of ONNX need the package onnxruntime", hint=_HINT) from error
        try:
            return OnnxEstimator(onnxruntime.InferenceSession(file.read(), providers=["CPUExecutionProvider"]))
        except Exception as error:  # a class of the extension module, without a base of its own
            raise UserError(f"this is not an ONNX graph: {error}", code="no-onnx") from error


class OnnxEstimator:
    """What a graph answers, as an estimator: ``predict`` and ``predict_proba``, or ``transform``.

    Args:
        session: The graph, ready to run.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._outputs = [output.name for output in session.get_outputs()]

    def predict(self, X: Any) -> Any:  # as scikit-learn names it
        """Return labels or values, shape (rows,) or (rows, targets)."""
        answer = self._run(X, self._outputs[0])
        return answer[:, 0] if answer.ndim == 2 and answer.shape[1] == 1 else answer

    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class, shape (rows, classes)."""
        return self._run(X, self._outputs[1])

    def transform(self, X: Any) -> Any:
        """Return the transformed rows, shape (rows, features)."""
        return self._run(X, self._outputs[0])

    def _run(self, rows: Any, output: str) -> Any:
        import numpy as np

        return self._session.run([output], {_INPUT: np.asarray(rows, dtype="float64")})[0]
