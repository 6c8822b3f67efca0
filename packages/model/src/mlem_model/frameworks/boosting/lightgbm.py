"""LightGBM's models in its text format: loading runs no code of the file.

Source: https://lightgbm.readthedocs.io/en/stable/pythonapi/lightgbm.Booster.html, ``model_to_string`` (read 2026-11).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.errors import PluginError, UserError
from mlem_model.frameworks.sklearn import SklearnModel
from mlem_model.models.method_choice import PREDICT
from mlem_model.models.model_type import ModelType

_MODEL, _ESTIMATOR = "model.txt", "estimator.json"
_CLASSES = ("LGBMClassifier", "LGBMRegressor", "LGBMRanker")


class LightgbmModel(ModelType):
    """A ``Booster``."""

    type: ClassVar[str] = "lightgbm"
    format: ClassVar[str] = "lightgbm"
    imports: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".lgb", ".lightgbm")

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """See `ModelType.recognises`; a text is known by its first line."""
        if path.is_file() and path.suffix in (".txt", ".model"):
            with path.open("rb") as file:
                return file.read(5) == b"tree\n"
        return super().recognises(path)

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`."""
        return (type(obj).__module__.partition(".")[0], type(obj).__name__) == ("lightgbm", "Booster")

    @classmethod
    def methods(cls, obj: Any) -> Mapping[str, str]:
        """See `ModelType.methods`."""
        return {PREDICT: PREDICT}

    @classmethod
    def rowwise(cls, obj: Any, method: str) -> bool:
        """See `ModelType.rowwise`."""
        return True

    @classmethod
    def dump(cls, obj: Any, file: IO[bytes]) -> frozenset[str]:
        """See `ModelType.dump`."""
        file.write(obj.model_to_string().encode())
        return frozenset({"lightgbm", "numpy"})

    @classmethod
    def load(cls, file: IO[bytes], requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load`."""
        return _booster(file.read())


class LightgbmEstimator(SklearnModel):
    """An estimator of LightGBM's interface for scikit-learn: its booster, and its labels and parameters beside it.

    LightGBM has no format for these (https://github.com/microsoft/LightGBM/issues/1942); saving compares the answers.
    """

    type: ClassVar[str] = "lightgbm_sklearn"
    format: ClassVar[str] = "lightgbm"
    converts: ClassVar[bool] = True
    files: ClassVar[bool] = True

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`; a subclass of the user's is code, and stays a pickle.

        So does one whose labels or objective the format can't hold.
        """
        return type(obj).__module__ == "lightgbm.sklearn" and type(obj).__name__ in _CLASSES and _plain(obj)

    @classmethod
    def dump_files(cls, obj: Any, folder: Path) -> frozenset[str]:
        """See `ModelType.dump_files`.

        Raises:
            UserError: It has not been fitted.
        """
        try:
            booster = obj.booster_
        except Exception as error:  # sklearn.exceptions.NotFittedError
            raise UserError(f"the {type(obj).__name__} can't be saved: {error}", code="not-saved") from error
        (folder / _MODEL).write_text(booster.model_to_string(), encoding="utf-8")
        about = {
            "class": type(obj).__name__,
            "parameters": obj.get_params(),
            "features": obj.n_features_in_,
            "iteration": obj.best_iteration_,
            **_labels(obj),
        }
        (folder / _ESTIMATOR).write_text(json.dumps(about, indent=1, sort_keys=True), encoding="utf-8")
        return frozenset({"lightgbm", "sklearn", "numpy"})

    @classmethod
    def load_files(cls, folder: Path, requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load_files`.

        Raises:
            UserError: It is not such an estimator.
        """
        booster = _booster((folder / _MODEL).read_bytes())
        import lightgbm
        import numpy as np

        try:
            about = json.loads((folder / _ESTIMATOR).read_bytes())
            if about["class"] not in _CLASSES:
                raise ValueError(f"unknown class {about['class']!r}")
            found = getattr(lightgbm, about["class"])(**about["parameters"])
            found._Booster, found.fitted_ = booster, True
            found._n_features = found._n_features_in = int(about["features"])
            found._best_iteration = about["iteration"]
            found._objective = booster.params.get("objective") or _objective(booster)
            if "classes" in about:
                found._classes = np.asarray(about["classes"], dtype=about["dtype"])
                found._n_classes = len(found._classes)
                found._le = _encoder(found._classes)
                found._class_map = {label: number for number, label in enumerate(found._classes)}
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"this is not an estimator of LightGBM: {error}", code="no-lightgbm") from error
        return found


def _plain(obj: Any) -> bool:
    """Say whether everything that makes the estimator is plain data."""
    try:
        json.dumps({**obj.get_params(), **(_labels(obj) if hasattr(obj, "_classes") else {})})
    except (TypeError, ValueError):
        return False
    return True


def _labels(obj: Any) -> dict[str, Any]:
    classes = getattr(obj, "_classes", None)
    return {} if classes is None else {"classes": classes.tolist(), "dtype": str(classes.dtype)}


def _encoder(classes: Any) -> Any:
    from sklearn.preprocessing import LabelEncoder

    encoder = LabelEncoder()
    encoder.classes_ = classes
    return encoder


def _objective(booster: Any) -> str:
    """Return the objective that the text of a booster names: ``objective=multiclass num_class:3``."""
    line = next((line for line in booster.model_to_string().splitlines() if line.startswith("objective=")), "")
    return line.removeprefix("objective=").split(" ")[0]


def _booster(content: bytes) -> Any:
    try:
        import lightgbm
    except ImportError as error:
        raise PluginError(
            "models in the format of LightGBM need the package lightgbm", hint="pip install lightgbm"
        ) from error
    except OSError as error:  # a wheel needs the library of OpenMP, and does not bring it
        raise PluginError(f"lightgbm can't be loaded: {error}", hint="apt-get install libgomp1") from error
    try:
        return lightgbm.Booster(model_str=content.decode())
    except Exception as error:  # lightgbm.basic.LightGBMError, and what decoding raises
        raise UserError(f"this is not a model of LightGBM: {str(error)[:300]}", code="no-lightgbm") from error
