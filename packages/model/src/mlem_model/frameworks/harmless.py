"""What fitted estimators are made of: classes that are made without code of a file, and functions that none can misuse.

A file that names classes, a pickle or one of skops, may name any. Here is what may be made of it without asking.
"""

from __future__ import annotations

import importlib
from typing import Any

PLAIN = frozenset(
    {"object", "set", "frozenset", "list", "dict", "tuple", "int", "float", "complex", "str", "bytes", "bytearray"}
    | {"bool", "slice", "range"}
)
"""Built-in classes of values."""
_PACKAGES = (
    "sklearn.",
    "imblearn.",
    "xgboost.",
    "lightgbm.",
    "catboost.",
    "_catboost.",
    "scipy.sparse.",
    "scipy.stats._",
    "scipy.interpolate.",
    "numpy.dtypes.",
    "numpy.random._",
    "numpy.random.bit_generator.",
    "numpy.random.mtrand.",
    "pandas.core.",
    "pandas._libs.",
)
"""Beginnings of modules whose classes, and no functions, may be made."""
_PANDAS = frozenset(
    {"DataFrame", "Series", "Index", "RangeIndex", "MultiIndex", "DatetimeIndex", "CategoricalIndex", "Categorical"}
    | {"CategoricalDtype", "DatetimeTZDtype", "StringDtype", "Timestamp", "Timedelta"}
    | {f"{name}Dtype" for name in ("Boolean", "Float32", "Float64", "Int8", "Int16", "Int32", "Int64")}
)
"""Classes that pandas 3 says are its own, and not a module's of it; others there open files."""
_FUNCTIONS = frozenset(
    {
        "numpy.dtype",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        *(f"numpy.{name}" for name in ("amax", "amin", "max", "mean", "median", "min", "std", "sum", "var")),
        *(f"sklearn.cluster._kmeans._kmeans_single_{name}" for name in ("elkan", "lloyd")),
        *(
            f"sklearn.feature_selection._univariate_selection.{name}"
            for name in ("chi2", "f_classif", "f_oneway", "f_regression", "r_regression")
        ),
        *(
            f"sklearn.feature_selection._mutual_info.{name}"
            for name in ("mutual_info_classif", "mutual_info_regression")
        ),
    }
)
"""Functions of numbers that estimators keep, by the names that they have where they are defined."""


def may_be_class(module: str, name: str) -> bool:
    """Say whether a name may be a class that estimators are made of; whether it is one is seen when it is imported.

    Args:
        module: The module that a file names.
        name: The name in it.
    """
    if module in ("builtins", "__builtin__"):
        return name in PLAIN
    return (module == "pandas" and name in _PANDAS) or f"{module}.".startswith(_PACKAGES)


def is_class_of_its_package(found: Any, name: str) -> bool:
    """Say whether something is a class of those packages, and not one that a module of theirs has imported.

    Args:
        found: What has been imported.
        name: The name that it was imported by.
    """
    home = str(getattr(found, "__module__", ""))
    if home == "builtins":
        return name in PLAIN
    return isinstance(found, type) and may_be_class(home, found.__name__)


def is_harmless(full: str) -> bool:
    """Say whether what a file names is a class that estimators are made of, or a function that they keep.

    Args:
        full: Module and name, with a dot between: ``sklearn.tree._tree.Tree``.
    """
    if full in _FUNCTIONS:
        return True
    module, _, name = full.rpartition(".")
    if not may_be_class(module, name):
        return False
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return False
    return is_class_of_its_package(found, name)
