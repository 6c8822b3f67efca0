"""What the columns of a classifier's answer are."""

from __future__ import annotations

from typing import Any

from mlem_model.data.types.base import Json, module_of


def classes_of(obj: Any, answer: Any) -> tuple[Json, ...]:
    """Return the classes of a classifier whose answer has a column for each of them; nothing where it has none.

    Args:
        obj: The model; scikit-learn's estimators, and those that follow them, have their classes in ``classes_``.
        answer: What a method answered.
    """
    known: Any = getattr(obj, "classes_", None)
    if module_of(known) != "numpy" or module_of(answer) != "numpy" or getattr(answer, "ndim", 0) != 2:
        return ()
    if known.ndim != 1 or answer.shape[1] != len(known):
        return ()
    return tuple(item if isinstance(item, str | int | bool) else str(item) for item in known.tolist())
