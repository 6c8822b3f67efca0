"""Signatures of the methods of a live object, found by calling them on sample data."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlem_model.data.types.any import DataFrameType, DataType, SeriesType, UnspecifiedType, equal, first_row, infer
from mlem_model.data.types.index import is_default
from mlem_model.data.types.loosening import free_dimensions, free_keys, loosened
from mlem_model.data.types.notes import collecting
from mlem_model.data.types.plain.union import UnionType, unify
from mlem_model.errors import DataError, UserError
from mlem_model.models.calling import finish
from mlem_model.models.calls.answering import encode_answer
from mlem_model.models.calls.arguments import RETURNS, Signature, arguments_of, match_sample, types_of
from mlem_model.models.calls.classes import classes_of
from mlem_model.models.calls.index_use import Trimmed, keeps_index, trim_index
from mlem_model.models.calls.missing import missing_numbers
from mlem_model.models.calls.rowwise import answers_row_by_row
from mlem_model.models.model import Argument, Method, Sample
from mlem_model.models.pickling.travelling import expect_same, lost_on_the_way
from mlem_model.objects.validation import did_you_mean

_log = logging.getLogger(__name__)
ROWS_TRIED = 100
"""A sample of at most this many rows is sent there and back as a whole; of a longer one the first, a middle and the
last row."""


@dataclass(frozen=True)
class Described:
    """How an object is to be described.

    Attributes:
        attributes: The attribute to call by public name.
        required: The methods that have to answer the sample; others that can't are left out.
        first_only: Whether a method's arguments but the first are not data; see
            `mlem_model.models.calls.arguments.arguments_of`.
        signature: What the user says of the types.
        batch: Whether calls may be joined; None to find out.
        rowwise: What the object's framework says of a method: True where it answers row by row.
        sample_of: The sample of a method, made of the sample of the first.
    """

    attributes: Mapping[str, str]
    required: frozenset[str]
    first_only: bool = True
    signature: Signature = field(default_factory=dict)
    batch: bool | None = None
    rowwise: Callable[[str], bool] = lambda _name: False
    sample_of: Callable[[str, Any], Any] = lambda _name, sample: sample


def describe(obj: Any, how: Described, sample_data: Any) -> tuple[dict[str, Method], dict[str, Sample]]:
    """Call each method on the sample, and describe what it took and answered.

    Args:
        obj: The object.
        how: Which methods, and what is known of them.
        sample_data: The value of the only required argument; several in a dict by name or a tuple by position; None for
            no sample: types are then those that annotations say.

    Returns:
        The methods, and the recorded call of each: its arguments are the first row of the sample.

    Raises:
        UserError: A required method fails on the sample, or the sample does not have its arguments.
        DataError: No data type describes what a method takes or answers, or the sample changes on its way.
    """
    methods: dict[str, Method] = {}
    samples: dict[str, Sample] = {}
    for name, attribute in how.attributes.items():
        if sample_data is None:
            methods[name] = _without_sample(obj, name, attribute, how)
            continue
        try:
            methods[name], sample = _describe_method(obj, name, attribute, how, how.sample_of(name, sample_data))
        except Exception as error:  # the user's code may raise anything
            if name in how.required:
                if isinstance(error, UserError | DataError):
                    raise
                raise UserError(
                    f"{name} fails on the sample data: {type(error).__name__}: {error}", code="sample-failed"
                ) from error
            why = (
                str(error)
                if isinstance(error, DataError)
                else f"it fails on the sample data: {type(error).__name__}: {error}"
            )
            _log.warning("%s is left out of the model: %s", name, why)
            continue
        if sample is not None:
            samples[name] = sample
    return methods, samples


def _without_sample(obj: Any, name: str, attribute: str, how: Described) -> Method:
    arguments = next(arguments_of(obj, attribute, None, first_only=how.first_only))
    said = _said_of(how.signature, name, arguments)
    taken = [
        argument.model_copy(update={"data_type": said.get(argument.name, argument.data_type)}) for argument in arguments
    ]
    returns = said.get(RETURNS, UnspecifiedType())
    return Method(name=attribute, args=tuple(taken), returns=returns, rowwise=_batch_of_one(how, name, taken, returns))


def _batch_of_one(how: Described, name: str, taken: list[Argument], returns: DataType) -> bool:
    if not how.batch:
        return False
    if len(taken) != 1:
        raise UserError(
            f"batch=True: {name} has {len(taken)} arguments, and calls are joined along the rows of an only one",
            code="not-rowwise",
        )
    return True


def _describe_method(
    obj: Any, name: str, attribute: str, how: Described, sample_data: Any
) -> tuple[Method, Sample | None]:
    """Describe a method as the first of the ways to call it that it answers."""
    candidates = list(arguments_of(obj, attribute, sample_data, first_only=how.first_only))
    for number, arguments in enumerate(candidates, 1):
        trial = _Trial(obj, name, attribute, arguments, how)
        try:
            return trial.describe(match_sample(arguments, sample_data, name))
        except TypeError:
            if number == len(candidates):
                raise
    raise AssertionError("there is one way at least")


class _Trial:
    """One method, asked on the sample."""

    def __init__(self, obj: Any, name: str, attribute: str, arguments: list[Argument], how: Described) -> None:
        self._obj = obj
        self._name = name
        self._arguments = arguments
        self._how = how
        self._said = _said_of(how.signature, name, arguments)
        self._method = Method(name=attribute, args=tuple(arguments), returns=UnspecifiedType())
        self._streams = False

    def ask(self, values: Mapping[str, Any]) -> Any:
        """Call the method on copies of values, which it may change.

        Warnings are suppressed: these calls are not the user's own.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._method.call(self._obj, {name: _own(value) for name, value in values.items()})

    def describe(self, values: dict[str, Any]) -> tuple[Method, Sample | None]:
        whole = self._first_answer(values)
        types = {
            argument.name: self._type_of(argument, values[argument.name])
            for argument in self._arguments
            if argument.name in values
        }
        only = next(iter(types)) if len(types) == 1 else None
        if only is not None and isinstance(types[only], DataFrameType | SeriesType):
            trimmed = trim_index(Trimmed(types[only], values[only], whole), lambda value: self.ask({only: value}))
            types[only], values[only], whole = trimmed.data_type, trimmed.value, trimmed.answer
        returns = self._said.get(RETURNS) or infer(
            whole, f"the answer of {self._name}" if self._name not in self._how.required else "the answer"
        )
        rows = (
            {name: _rows_tried(types[name], value) for name, value in values.items()}
            if only
            else {name: [value] for name, value in values.items()}
        )
        for name, parts in rows.items():
            for part in parts:
                expect_same(types[name], part, name)
        returns, sample = self._record(types, values, returns)
        if only is not None and only not in self._said:
            types[only] = free_dimensions(
                types[only], values[only], returns, whole, lambda value: self.ask({only: value})
            )
            if not any(argument.data_type == types[only] for argument in self._arguments):  # not from an annotation
                types[only] = free_keys(types[only], values[only], lambda value: self.ask({only: value}))
        method = self._method.model_copy(
            update={
                "args": self._taken(types, values),
                "returns": returns,
                "missing": missing_numbers(whole),
                "classes": classes_of(self._obj, whole),
            }
        )
        if only is not None and isinstance(types[only], DataFrameType | SeriesType) and is_default(values[only].index):
            method = method.model_copy(
                update={"keeps_index": keeps_index(values[only], whole, lambda value: self.ask({only: value}))}
            )
        rowwise = self._is_rowwise(method, types, values, whole)
        return method.model_copy(update={"rowwise": rowwise, "streams": self._streams}), sample

    def _first_answer(self, values: Mapping[str, Any]) -> Any:
        own = {name: _own(value) for name, value in values.items()}
        with warnings.catch_warnings():
            if self._name not in self._how.required:
                warnings.simplefilter("ignore")
            answer, self._streams = finish(self._method.begin(self._obj, own))
        return answer

    def _taken(self, types: Mapping[str, DataType], values: Mapping[str, Any]) -> tuple[Argument, ...]:
        chosen = [
            self._said.get(argument.name) or types.get(argument.name, argument.data_type)
            for argument in self._arguments
        ]
        pairs = zip(self._arguments, chosen, strict=True)
        return tuple(
            argument.model_copy(update={"data_type": data_type, "missing": missing_numbers(values.get(argument.name))})
            for argument, data_type in pairs
        )

    def _type_of(self, argument: Argument, value: Any) -> DataType:
        """Return the type of an argument: what the user says, what an annotation says, or what the sample shows."""
        said = self._said.get(argument.name)
        if said is not None:
            lost = lost_on_the_way(said, value, argument.name)
            if lost:
                hint = "correct the signature, or the sample"
                raise UserError(
                    f"signature: {argument.name} does not fit the sample data: {lost}", code="bad-signature", hint=hint
                )
            return said
        if not isinstance(argument.data_type, UnspecifiedType):
            lost = lost_on_the_way(argument.data_type, value, argument.name)
            if not lost:
                return argument.data_type
            if argument.required:
                _log.warning(
                    "the annotation of %s does not fit the sample data, whose type is taken: %s", argument.name, lost
                )
        return loosened(infer(value, argument.name))

    def _record(
        self, types: Mapping[str, DataType], values: Mapping[str, Any], returns: DataType
    ) -> tuple[DataType, Sample | None]:
        """Call the model with rows as they are and as they arrive after being sent.

        Return the answer's type and the first row with its answer.
        """
        found: tuple[dict[str, Any], Any] | None = None
        for rows in self._single_rows(types, values):
            try:
                local = self.ask(rows)
            except Exception as error:  # the user's code may raise anything; a row that fails alone shows nothing
                _log.debug("%s can't be called with one row: %s", self._name, error)
                continue
            encoded = {name: types[name].encode(value, name) for name, value in rows.items()}
            answer = self.ask({name: types[name].decode(item, name) for name, item in encoded.items()})
            returns = self._widened(returns, local)
            here, there = encode_answer(returns, local), encode_answer(returns, answer)
            if not _same(here, there):
                if not _same(here, encode_answer(returns, self.ask(rows))):
                    _log.warning(
                        "%s gives another answer to the same row each time: deployments do not compare its answers",
                        self._name,
                    )
                    return returns, None
                raise DataError(
                    self._name,
                    "the same answer to the sample before and after it is sent",
                    f"{_short(here[0])} and {_short(there[0])}",
                    hint="the method uses something that is not sent; convert the sample, or what the method uses",
                )
            found = found or (encoded, answer)
            if len(values) > 1:
                break
        if found is None:
            raise UserError(
                f"{self._name} answers the sample data as a whole, but none of its rows alone", code="sample-failed"
            )
        return returns, Sample(args=found[0], returns=encode_answer(returns, found[1])[0])

    def _widened(self, returns: DataType, answer: Any) -> DataType:
        """Return a type that an answer fits as well: one row may get an answer of another shape than many rows."""
        try:
            with collecting(strict=True, exact=True):
                returns.encode(answer, "the answer")
        except DataError as error:
            if RETURNS in self._said:
                raise UserError(
                    f"signature: {RETURNS} does not fit the answer: {error}", code="bad-signature"
                ) from error
            wider = unify([returns, infer(answer, "the answer")])
            return UnspecifiedType() if isinstance(wider, UnionType) else wider
        return returns

    def _single_rows(self, types: Mapping[str, DataType], values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return single rows to record, the likely best first.

        The first row of everything, then, where there is only one argument, other rows of it.
        """
        if len(values) > 1:
            return [{name: _row_of(types[name], value) for name, value in values.items()}, dict(values)]
        ((name, value),) = values.items()
        return [{name: _first(types[name], value)}, *({name: part} for part in _rows_tried(types[name], value)[1:])]

    def _is_rowwise(self, method: Method, types: Mapping[str, DataType], values: Mapping[str, Any], whole: Any) -> bool:
        if self._streams:  # its items come one by one, and are not the rows of others
            return False
        if self._how.batch is not None:
            return _batch_of_one(self._how, self._name, list(method.args), method.returns)
        if len(types) != 1 or len(method.args) != 1:
            return False
        ((name, value),) = values.items()
        known = self._how.rowwise(self._name)
        return answers_row_by_row(
            lambda rows: self.ask({name: rows}), types[name], method.returns, value, whole, known=known
        )


def _said_of(signature: Signature, name: str, arguments: list[Argument]) -> dict[str, DataType]:
    """Return what the user says of a method.

    Raises:
        UserError: It has no such argument.
    """
    said = types_of(signature, name)
    known = [*(argument.name for argument in arguments), RETURNS]
    unknown = next((word for word in said if word not in known), None)
    if unknown is not None:
        hint = did_you_mean(unknown, known)
        raise UserError(f'signature: {name} has no argument "{unknown}"', code="bad-signature", known=known, hint=hint)
    return said


def _own(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception as error:  # an object of the user's class can't be copied: it is used as it is
        _log.debug("a %s can't be copied: %s", type(value).__name__, error)
        return value


def _first(data_type: DataType, value: Any) -> Any:
    """Return the first item of a list, or the first row of anything else."""
    return value[:1] if isinstance(value, list) else _row_of(data_type, value)


def _row_of(data_type: DataType, value: Any) -> Any:
    if data_type.wire is data_type:
        return first_row(value)
    return data_type.from_wire(first_row(data_type.to_wire(value)))


def _rows_tried(data_type: DataType, value: Any) -> list[Any]:
    """Return the rows that stand for a value.

    The first, a middle and the last one, some with missing values, and all of a short one.
    """
    count = data_type.rows(value)
    indexed = count is None and hasattr(value, "iloc")  # its index is sent too
    count = len(value) if indexed else count
    if not count:
        return [value]
    rows = sorted({0, count // 2, count - 1, *_rows_with_missing(value)})

    def part(start: int, stop: int) -> Any:
        return value.iloc[start:stop] if indexed else data_type.part(value, start, stop)

    return [*(part(row, row + 1) for row in rows), value if count <= ROWS_TRIED else part(0, ROWS_TRIED)]


def _rows_with_missing(value: Any) -> set[int]:
    """Return the first row with a missing value in each column of a frame or a series."""
    if not hasattr(value, "isna"):
        return set()
    missing = value.isna()
    columns = [missing.iloc[:, at] for at in range(missing.shape[1])] if missing.ndim == 2 else [missing]
    return {int(column.to_numpy().argmax()) for column in columns[:ROWS_TRIED] if column.any()}


def _same(one: tuple[Any, DataType], other: tuple[Any, DataType]) -> bool:
    """Whether two answers are equal, and of one type.

    A whole float counts as an integer, as the sample may be either.
    """
    return equal(one[0], other[0]) and (one[1] == other[1] or not isinstance(unify([one[1], other[1]]), UnionType))


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 100 else f"{text[:100]}..."
