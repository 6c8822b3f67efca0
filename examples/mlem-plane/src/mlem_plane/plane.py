"""The framework: points in the plane, and a classifier by the nearest centre. It knows nothing of mlem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class Points:
    """Points in the plane.

    Args:
        array: Their coordinates, shape (points, 2).
    """

    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array, dtype="float64")

    def __len__(self) -> int:
        return len(self.array)


class Nearest:
    """Says of each point the label of the nearest centre.

    Args:
        centres: A centre for each label.
    """

    def __init__(self, centres: dict[str, list[float]] | None = None) -> None:
        self.centres = dict(centres or {})

    def fit(self, points: Points, labels: Sequence[str]) -> Nearest:
        """Take the mean of each label's points for its centre."""
        names = np.asarray(labels)
        self.centres = {str(name): points.array[names == name].mean(axis=0).tolist() for name in np.unique(names)}
        return self

    def predict(self, points: Points) -> list[str]:
        """Return a label for each point."""
        names = list(self.centres)
        distances = np.linalg.norm(points.array[:, None] - np.array([self.centres[name] for name in names]), axis=2)
        return [names[number] for number in distances.argmin(axis=1)]
