"""Columns matched by name for models that were saved without a sample.

Of such a model only the object itself knows the order of its columns.
"""

from __future__ import annotations

from typing import Any

from mlem_model.data.types.any import Json
from mlem_model.errors import DataError
from mlem_model.objects.validation import did_you_mean


def by_names(obj: Any, value: Json, path: str) -> Any:
    """Give a model its columns in the order in which it learned them.

    Args:
        obj: The loaded model. What scikit-learn's estimators call ``feature_names_in_`` are its columns.
        value: JSON that it is to be called with.
        path: Where the value is, for messages.

    Returns:
        A frame with the model's columns in its order, where the value is records and the model knows its columns;
        otherwise the value.

    Raises:
        DataError: A column is missing, or the value has names although the model knows its columns by position only.
    """
    if not isinstance(value, list) or not value or not all(isinstance(row, dict) for row in value):
        return value
    owner = getattr(obj, "__self__", obj)
    known = getattr(owner, "feature_names_in_", None)
    found = list(dict.fromkeys(name for row in value for name in row))
    if known is None:
        if not hasattr(owner, "n_features_in_"):
            return value
        hint = "save it with sample_data=, or send rows of values in the model's order: a table read with --no-header"
        raise DataError(
            path,
            "rows without names, because the model does not know the names of its columns",
            f"the columns {', '.join(found)}",
            hint=hint,
        )
    names = [str(name) for name in known]
    for row, record in enumerate(value):
        missing = next((name for name in names if name not in record), None)
        if missing is not None:
            near = did_you_mean(missing, [name for name in record if name not in names])
            raise DataError(
                f"{path}[{row}]", f"the columns {', '.join(names)}", f"{', '.join(record)}: no {missing}", hint=near
            )
    import pandas as pd

    return pd.DataFrame(value)[names]
