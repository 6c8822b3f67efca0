"""A function, and an estimator of scikit-learn in each of its formats."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from framework_matrix.kind import Kind, Trained


def function(folder: Path) -> Trained:
    """A function of the user's, with arrays."""
    from sklearn.datasets import load_iris

    rows = load_iris().data

    def area(flowers: Any) -> Any:
        return flowers[:, 0] * flowers[:, 1]

    area.__module__ = "__main__"  # as in a script: it is saved with its code
    return Trained(area, rows, area(rows))


def estimator(folder: Path, format_: str) -> Trained:
    """A forest, as people train it, of a frame with names."""
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, kinds = load_iris(return_X_y=True, as_frame=True)
    fitted = (
        RandomForestClassifier(20, random_state=0)
        if format_ == "pickle"
        else make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    ).fit(rows, kinds)
    return Trained(fitted, rows, fitted.predict(rows), {"format": format_})


KINDS = (
    Kind("function", "callable", ("numpy",), function),
    Kind("scikit-learn, pickle", "sklearn", ("scikit-learn",), partial(estimator, format_="pickle")),
    Kind("scikit-learn, skops", "sklearn_skops", ("scikit-learn", "skops"), partial(estimator, format_="skops")),
    Kind(
        "scikit-learn, ONNX",
        "sklearn_onnx",
        ("scikit-learn", "skl2onnx", "onnxruntime"),
        partial(estimator, format_="onnx"),
    ),
)
