"""The arguments of a method, read from its Python signature.

Names, kinds, defaults, and the types that annotations say.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from mlem_model.data.types.annotations import hints_of, of_annotation
from mlem_model.data.types.any import DataType, OptionalType, UnspecifiedType, infer, parse_type
from mlem_model.errors import DataError, UserError
from mlem_model.models.model import Argument
from mlem_model.objects.validation import did_you_mean

ONLY = "data"
"""The name of an argument that has none of its own."""
RETURNS = "return"
_KINDS: Mapping[Any, str] = {
    inspect.Parameter.POSITIONAL_ONLY: "positional_only",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional_or_keyword",
    inspect.Parameter.KEYWORD_ONLY: "keyword_only",
}
Signature = Mapping[str, Any]
"""What the user says of a method: a type by the name of an argument, or under ``return``."""


def arguments_of(obj: Any, attribute: str, sample_data: Any, *, first_only: bool) -> Iterator[list[Argument]]:
    """Yield the arguments of a method, the likeliest first where its signature allows several ways to call it.

    Args:
        obj: The object.
        attribute: The attribute that is called; ``__call__`` for the object itself.
        sample_data: What it is to be called with.
        first_only: Whether all but the first are knobs of a framework (``return_std``, ``num_iteration``), and not
            data.
    """
    function = obj if attribute == "__call__" else getattr(obj, attribute)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):  # a function written in C may have no signature
        yield [_argument(ONLY, "positional_only")]
        return
    named = [parameter for parameter in parameters if parameter.kind in _KINDS]
    if not named and parameters:
        yield from _open_arguments({parameter.kind for parameter in parameters}, sample_data)
        return
    hints = _hints(function)
    found = [
        argument for parameter in named if (argument := _of_parameter(parameter, hints.get(parameter.name))) is not None
    ]
    if first_only:
        found = [argument.model_copy(update={"required": True, "default": None}) for argument in found[:1]]
    yield found


def _hints(function: Any) -> Mapping[str, Any]:
    function = getattr(function, "func", function) if type(function).__name__ == "partial" else function
    return hints_of(function if inspect.isroutine(function) or isinstance(function, type) else type(function).__call__)


def _argument(name: str, kind: str, data_type: DataType | None = None, **fields: Any) -> Argument:
    return Argument.model_validate({"name": name, "data_type": data_type or UnspecifiedType(), "kind": kind, **fields})


def _of_parameter(parameter: inspect.Parameter, hint: Any) -> Argument | None:
    """Describe a parameter; None for one whose default is not data, so that callers can't give it."""
    annotated = _annotated(hint)
    if parameter.default is inspect.Parameter.empty:
        return _argument(parameter.name, _KINDS[parameter.kind], annotated)
    try:
        data_type, default = _with_default(annotated, parameter.default)
    except DataError:
        return None
    return _argument(parameter.name, _KINDS[parameter.kind], data_type, required=False, default=default)


def _annotated(hint: Any) -> DataType | None:
    try:
        return None if hint is None else of_annotation(hint)
    except RecursionError:  # a class with fields of its own type
        return None


def _with_default(annotated: DataType | None, default: Any) -> tuple[DataType, Any]:
    if annotated is None:
        data_type = UnspecifiedType() if default is None else infer(default)
        return data_type, None if default is None else data_type.encode(default)
    try:
        return annotated, annotated.encode(default)
    except DataError:
        if default is None:
            return OptionalType(dtype=annotated), None
        data_type = infer(default)  # the annotation does not fit the default
        return data_type, data_type.encode(default)


def _open_arguments(kinds: set[Any], sample_data: Any) -> Iterator[list[Argument]]:
    """Yield what ``*args, **kwargs`` may stand for."""
    by_name = inspect.Parameter.VAR_KEYWORD in kinds
    if isinstance(sample_data, tuple) and inspect.Parameter.VAR_POSITIONAL in kinds:
        yield [_argument(f"arg{number}", "positional_only") for number in range(len(sample_data))]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        yield [_argument(ONLY, "positional_only")]
    if (
        by_name
        and isinstance(sample_data, dict)
        and sample_data
        and all(isinstance(key, str) and key.isidentifier() for key in sample_data)
    ):
        yield [_argument(name, "keyword_only") for name in sample_data]


def match_sample(arguments: list[Argument], sample_data: Any, called: str) -> dict[str, Any]:
    """Match the sample with the arguments.

    Args:
        arguments: The method's.
        sample_data: The value of the only required argument; several in a dict by name or a tuple by position. Where
            one is required and others are not, a dict of two or more of their names is by name, too.
        called: The method's public name, for messages.

    Raises:
        UserError: It does not have the arguments.
    """
    names = [argument.name for argument in arguments]
    required = [argument.name for argument in arguments if argument.required]
    if not names:
        raise UserError(f"{called} takes no arguments, so it can't be called on sample data", code="bad-sample")
    if len(required) < 2:
        return dict(sample_data) if _is_by_name(arguments, sample_data) else {(required or names)[0]: sample_data}
    if isinstance(sample_data, dict):
        missing = [name for name in required if name not in sample_data]
        unknown = next((name for name in sample_data if name not in names), None)
        if unknown is not None or missing:
            no_value = f"the sample data has no value for {', '.join(missing)}"
            what = no_value if unknown is None else f'{called} has no argument "{unknown}"'
            raise UserError(
                what,
                code="bad-sample",
                known=names,
                hint=did_you_mean(str(unknown), names) if unknown is not None else None,
            )
        return dict(sample_data)
    if isinstance(sample_data, tuple) and len(required) <= len(sample_data) <= len(names):
        return dict(zip(names, sample_data, strict=False))
    raise UserError(
        f"{called} needs {len(required)} arguments ({', '.join(required)}), but the sample data does not have them",
        code="bad-sample",
        hint="give sample_data as a dict by argument name, or as a tuple in the order of the arguments",
    )


def _is_by_name(arguments: list[Argument], sample_data: Any) -> bool:
    """Whether a dict has the arguments by name, where it might be the value of the only required one."""
    if (
        not isinstance(sample_data, dict)
        or len(arguments) < 2
        or not sample_data.keys() <= {argument.name for argument in arguments}
    ):
        return False
    required = [argument for argument in arguments if argument.required]
    if any(argument.name not in sample_data for argument in required):
        return False
    if len(sample_data) > 1 or not required:
        return bool(sample_data)
    if isinstance(required[0].data_type, UnspecifiedType):
        return False
    try:
        required[0].data_type.encode(sample_data)
    except DataError:  # the annotation does not accept a dict
        return True
    return False


def types_of(signature: Signature, method: str) -> dict[str, DataType]:
    """Return the types that the user says of a method's arguments and answer.

    Args:
        signature: By name of an argument, an annotation of Python, a data type, or its fields as in a ``.mlem`` file;
            ``return`` is the answer. Or such a mapping for each method, by its public name.
        method: The method's public name.

    Raises:
        UserError: A type is not one.
    """
    nested = signature.get(method)
    own = nested if isinstance(nested, Mapping) and "type" not in nested else signature
    return {
        name: _said(name, item) for name, item in own.items() if not (isinstance(item, Mapping) and "type" not in item)
    }


def _said(name: str, item: Any) -> DataType:
    if isinstance(item, Mapping):
        try:
            return parse_type(dict(item))
        except ValueError as error:  # pydantic's ValidationError is one
            text = " ".join(str(error).split())[:300]
            raise UserError(f"signature: {name}: not a data type: {text}", code="bad-signature") from error
    found = UnspecifiedType() if item is Any else of_annotation(item)
    if found is None:
        hint = (
            "give an annotation such as float, list[str] or a TypedDict, "
            "or the fields of a data type as in a .mlem file"
        )
        raise UserError(f"signature: {name}: {item!r} is not a data type", code="bad-signature", hint=hint)
    return found
