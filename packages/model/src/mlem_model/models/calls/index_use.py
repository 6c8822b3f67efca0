"""Whether a method uses the index of its input: only then does every caller have to send one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from mlem_model.data.types.any import DataFrameType, DataType, SeriesType, equal, infer
from mlem_model.errors import DataError


@dataclass(frozen=True)
class Trimmed:
    """A sample, its type, and the method's answer to it.

    Attributes:
        data_type: The type.
        value: The sample.
        answer: The answer.
    """

    data_type: DataType
    value: Any
    answer: Any


def trim_index(given: Trimmed, ask: Callable[[Any], Any]) -> Trimmed:
    """Leave out an index that makes no difference; callers may still send one that has names.

    Args:
        given: The sample as it is.
        ask: Calls the method.

    Returns:
        The same where the method uses the index; else the sample, its type and the answer without an index.
    """
    table = given.data_type if isinstance(given.data_type, DataFrameType) else getattr(given.data_type, "table", None)
    if table is None or not table.index_cols:
        return given
    plain = given.value.reset_index(drop=True)
    try:
        answer = ask(plain)
    except Exception:  # the user's code may raise anything: it needs the index
        return given
    if not _same(given.answer, given.value.index, answer, plain.index):
        return given
    names = table.index_cols if table.index_names is None else table.index_names
    if any(name is None for name in names):
        return _without(given, plain, answer)
    optional = table.model_copy(update={"index_optional": True})
    if isinstance(given.data_type, SeriesType):
        return replace(given, data_type=given.data_type.model_copy(update={"table": optional}))
    return replace(given, data_type=optional)


def keeps_index(value: Any, answer: Any, ask: Callable[[Any], Any]) -> bool:
    """Whether a method copies the index of a frame or a series to its answer, and uses it for nothing else.

    Args:
        value: The sample, with an index that only counts rows.
        answer: The method's answer to it.
        ask: Calls the method.
    """
    if type(answer).__name__ not in ("DataFrame", "Series") or len(answer) != len(value) or not len(value):
        return False
    other = value.copy()
    other.index = range(10, 10 + len(value))
    try:
        answered = ask(other)
    except Exception:  # the user's code may raise anything
        return False
    return (
        type(answered) is type(answer)
        and answered.index.equals(other.index)
        and _same(answered, other.index, answer, value.index)
    )


def _without(given: Trimmed, plain: Any, answer: Any) -> Trimmed:
    if isinstance(given.data_type, DataFrameType | SeriesType):
        return Trimmed(given.data_type.without_index(), plain, answer)
    return given


def _same(one: Any, index: Any, other: Any, other_index: Any) -> bool:
    """Whether two answers are the same, apart from an index that was only copied from the input."""
    one, other = _plain(one, index), _plain(other, other_index)
    try:
        first, second = infer(one), infer(other)
        return equal(first.encode(one), second.encode(other))
    except DataError:
        return False


def _plain(answer: Any, index: Any) -> Any:
    if type(answer).__name__ in ("DataFrame", "Series") and hasattr(answer, "index") and answer.index.equals(index):
        return answer.reset_index(drop=True)
    return answer
