"""XGBoost's matrices: they travel as arrays of numpy do, with NaN for what is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

from pydantic import PositiveInt

from mlem_model.data.types.adapted import AdaptedType
from mlem_model.data.types.arrays.array import NdarrayType
from mlem_model.data.types.base import DataType, module_of


class DMatrixType(AdaptedType):
    """A ``DMatrix`` of XGBoost, without labels and weights; of one that is quantized only the first values are known.

    Attributes:
        columns: How many features it has.
        names: Their names, where it has them.
        kinds: Their types as XGBoost writes them, where it has them: ``float``, ``int``, ``c`` for categories.
    """

    type: ClassVar[str] = "dmatrix"

    columns: PositiveInt
    names: tuple[str, ...] | None = None
    kinds: tuple[str, ...] | None = None

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`."""
        if not _is_matrix(value):
            return None
        names, kinds = value.feature_names, value.feature_types
        return cls(columns=value.num_col(), names=names and tuple(names), kinds=kinds and tuple(kinds))

    @property
    def wire(self) -> DataType:
        """See `AdaptedType.wire`."""
        return NdarrayType(shape=(None, self.columns), dtype="float32")

    def to_wire(self, value: Any) -> Any:
        """See `AdaptedType.to_wire`."""
        return values_of(value) if _is_matrix(value) else value

    def from_wire(self, value: Any) -> Any:
        """See `AdaptedType.from_wire`."""
        import xgboost

        categories = "c" in (self.kinds or ())
        return xgboost.DMatrix(
            value,
            feature_names=self.names and list(self.names),
            feature_types=self.kinds and list(self.kinds),
            enable_categorical=categories,
        )

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return {"xgboost", "numpy"}


def values_of(matrix: Any) -> Any:
    """Return the values of a ``DMatrix``, shape (rows, features), dtype float32; NaN where it has none.

    Args:
        matrix: The matrix.
    """
    import numpy as np

    stored = matrix.get_data()  # scipy's: what is missing is not stored, a zero is
    found = np.full(stored.shape, np.nan, dtype="float32")
    rows = np.repeat(np.arange(stored.shape[0]), np.diff(stored.indptr))
    found[rows, stored.indices] = stored.data
    return found


def _is_matrix(value: Any) -> bool:
    return module_of(value) == "xgboost" and hasattr(value, "get_data") and hasattr(value, "feature_types")
