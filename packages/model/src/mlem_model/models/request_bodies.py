"""The bodies of requests as users of pandas, MLflow and TensorFlow Serving send them.

=============================================  ========================================================================
body                                           who sends it
=============================================  ========================================================================
``{"X": [...]}``                               ours: values by the names of the arguments
``{"dataframe_split": {...}}``                 MLflow 2; ``{"dataframe_records": [...]}`` too
``{"inputs": ...}``, ``{"instances": [...]}``  MLflow 2 and TensorFlow Serving
``{"columns": [...], "data": [...]}``          ``DataFrame.to_json(orient="split")``, where the argument is a frame
``{"a": 1, "b": 2}``                           one record, or columns, where the argument is a frame, a dict or an
                                               object with fields
=============================================  ========================================================================

Sources: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/, section "Inference Server Specification";
TensorFlow Serving, "RESTful API", https://www.tensorflow.org/tfx/serving/api_rest (both read 2026-11).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mlem_model.data.types.any import (
    ClassType,
    DataFrameType,
    DataType,
    DictType,
    MappingType,
    OptionalType,
    PolarsType,
    SeriesType,
    StructuredType,
)
from mlem_model.data.types.base import Json

NOTHING: Any = object()
"""What `value_of_body` returns for a body that has no value."""
_WRAPPERS = ("dataframe_split", "dataframe_records", "inputs", "instances")
_BESIDE = frozenset({"params", "signature_name"})
_OBJECTS = (DataFrameType, DictType, MappingType, ClassType, PolarsType, StructuredType)


def value_of_body(payload: Json, data_type: DataType) -> Json:
    """Return the value that a body has for the only argument; `NOTHING` where it has none.

    Args:
        payload: The parsed body; its keys are not the names of arguments.
        data_type: What the argument takes.
    """
    if not isinstance(payload, dict):
        return NOTHING
    wrapper = next((word for word in _WRAPPERS if word in payload), None)
    if wrapper is not None and payload.keys() - {wrapper} <= _BESIDE and not payload.get("params"):
        return payload[wrapper]
    inner = data_type.dtype if isinstance(data_type, OptionalType) else data_type
    table = inner.table if isinstance(inner, SeriesType) else inner
    if isinstance(table, _OBJECTS) and payload:
        return payload if _has_names(payload, table) else NOTHING
    return NOTHING


def _has_names(payload: dict[str, Any], table: Any) -> bool:
    """Whether an object has names of the columns, keys or fields, or the shape of a table."""
    if isinstance(table, MappingType):
        return not table.pairs
    known = (
        {str(name) for name in getattr(table, "columns", ())}
        or set(getattr(table, "fields", {}))
        or set(getattr(table, "items", {}))
    )
    if payload.keys() & known or ("data" in payload and payload.keys() & {"columns", "schema"}):
        return True
    return all(isinstance(row, dict) and row.keys() & known for row in payload.values())


def shape_of_body(names: Sequence[str], payload: Json) -> str:
    """Show the shape of a body, with the caller's own data in it where it is one value.

    Args:
        names: The names of a method's arguments.
        payload: What the caller sent.
    """
    if len(names) != 1:
        return "send {" + ", ".join(f'"{name}": ...' for name in names) + "}"
    name = names[0]
    own = payload.get(name, NOTHING) if isinstance(payload, dict) and (not payload or name in payload) else payload
    return f'send {{"{name}": {"..." if own is NOTHING else json.dumps(own, ensure_ascii=False)[:200]}}}'
