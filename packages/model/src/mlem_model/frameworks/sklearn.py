"""Estimators, pipelines and transformers of scikit-learn, and of the packages that build on its base classes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from mlem_model.models.model_type import ModelType

_FIRST = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "transform",
    "inverse_transform",
    "score_samples",
    "kneighbors",
)
_NO_ANSWERS = (
    "fit",
    "partial_fit",
    "get_",
    "set_",
    "staged_",
    "sample",
    "gibbs",
    "generate",
    "build_",
    "perplexity",
    "densify",
    "sparsify",
)
"""Methods that change the estimator, read or set its parameters, draw at random, or stop in between.

Source: scikit-learn 1.9, ``LatentDirichletAllocation.perplexity`` sets ``n_features_in_`` anew
(``sklearn/decomposition/_lda.py``)."""
_TOGETHER = frozenset({"FunctionTransformer", "NMF", "MiniBatchNMF", "LatentDirichletAllocation", "IterativeImputer"})
"""Classes of scikit-learn whose answer to a row may depend on other rows, by user code or by when an iteration stops.

Source: scikit-learn 1.9, ``NMF.transform`` stops by the error of all rows together (``sklearn/decomposition/_nmf.py``);
the topics of ``LatentDirichletAllocation`` and the draws of ``IterativeImputer`` follow one state of the random
generator for all rows."""
_FRAMEWORKS = ("sklearn", "xgboost", "lightgbm", "catboost", "imblearn")


class SklearnModel(ModelType):
    """An object with a class of scikit-learn among its bases."""

    type: ClassVar[str] = "sklearn"

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`."""
        return not isinstance(obj, type) and any(
            base.__module__.partition(".")[0] == "sklearn" for base in type(obj).__mro__
        )

    @classmethod
    def methods(cls, obj: Any) -> Mapping[str, str]:
        """See `ModelType.methods`; all that take ``X`` alone.

        Scikit-learn hides the methods that an object's parameters rule out.
        """
        found = [name for name in _FIRST if _answers(obj, name)]
        found += [
            name
            for name in dir(type(obj))
            if name not in found and not name.startswith(("_", *_NO_ANSWERS)) and _answers(obj, name)
        ]
        return {name: name for name in found}

    @classmethod
    def rowwise(cls, obj: Any, method: str) -> bool:
        """See `ModelType.rowwise`; a pipeline answers row by row when all its steps do."""
        return all(_is_rowwise(part) for part in _parts(obj, set()))

    @classmethod
    def sample_of(cls, obj: Any, method: str, sample_data: Any) -> Any:
        """See `ModelType.sample_of`; ``inverse_transform`` takes what ``transform`` answers."""
        return (
            obj.transform(sample_data) if method == "inverse_transform" and hasattr(obj, "transform") else sample_data
        )


def _answers(obj: Any, name: str) -> bool:
    """Whether a method takes ``X``, and needs nothing else."""
    try:
        method = getattr(obj, name, None)
        parameters = (
            list(inspect.signature(method).parameters.values())
            if callable(method) and inspect.isroutine(method)
            else []
        )
    except Exception:  # an attribute of an estimator may raise what it likes
        return False
    if not parameters:
        return callable(method) and name in _FIRST
    first, *others = parameters
    needed = [
        parameter
        for parameter in others
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]
    return not needed and (first.name in ("X", "Xt", "X_test", "raw_documents") or name in _FIRST)


def _parts(obj: Any, seen: set[int]) -> Iterator[Any]:
    """Yield an estimator and all that it is made of."""
    if id(obj) in seen:
        return
    seen.add(id(obj))
    yield obj
    for value in vars(obj).values() if hasattr(obj, "__dict__") else ():
        for item in _flat(value):
            if any(base.__module__.partition(".")[0] == "sklearn" for base in type(item).__mro__) and hasattr(
                item, "get_params"
            ):
                yield from _parts(item, seen)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    elif isinstance(value, dict):
        yield from _flat(list(value.values()))
    else:
        yield value


def _is_rowwise(part: Any) -> bool:
    cls = type(part)
    if cls.__name__ in _TOGETHER or cls.__module__.partition(".")[0] not in _FRAMEWORKS:
        return False
    return not any(
        inspect.isfunction(value) for value in vars(part).values()
    )  # a metric, a kernel, an analyzer of the user's
