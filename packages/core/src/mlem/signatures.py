"""Signatures of the methods of a live object, found by calling them on sample data."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from typing import Any

from mlem.data import DataType, UnspecifiedType, equal, first_row, infer
from mlem.errors import DataError, UserError
from mlem.model import Argument, Method, Sample
from mlem.validation import did_you_mean

_KINDS: Mapping[Any, str] = {
    inspect.Parameter.POSITIONAL_ONLY: "positional_only",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional_or_keyword",
    inspect.Parameter.KEYWORD_ONLY: "keyword_only",
}
_log = logging.getLogger(__name__)


def describe(obj: Any, attributes: Mapping[str, str], sample_data: Any) -> tuple[dict[str, Method], dict[str, Sample]]:
    """Call each method on the sample, and describe what it took and answered.

    Args:
        obj: The object.
        attributes: The attribute to call by public name; all but the first are optional.
        sample_data: The value of the only required argument; several in a dict by name or a tuple by position; None for
            no sample: the types are then unspecified.

    Returns:
        The methods, and the recorded call of each: its arguments are the first row of the sample.

    Raises:
        UserError: The first method fails on the sample, or the sample does not have its arguments.
        DataError: No data type describes what a method takes or answers.
    """
    methods: dict[str, Method] = {}
    samples: dict[str, Sample] = {}
    for name, attribute in attributes.items():
        arguments = _arguments(obj, attribute)
        if sample_data is None:
            methods[name] = Method(name=attribute, args=tuple(arguments), returns=UnspecifiedType())
            continue
        try:
            methods[name], samples[name] = _try(obj, attribute, arguments, sample_data, name)
        except (UserError, DataError):
            raise
        except Exception as error:  # the user's code raises what it likes
            if not methods:
                raise UserError(f"{name} fails on the sample data: {type(error).__name__}: {error}", code="sample-failed") from error
            _log.warning("%s is left out of the model: it fails on the sample data: %s: %s", name, type(error).__name__, error)
    return methods, samples


def _arguments(obj: Any, attribute: str) -> list[Argument]:
    """Read a method's parameters; those whose default is no data stay inside."""
    try:
        parameters = list(inspect.signature(obj if attribute == "__call__" else getattr(obj, attribute)).parameters.values())
    except (ValueError, TypeError):  # a function written in C need not have a signature
        return [Argument(name="data", data_type=UnspecifiedType(), kind="positional_only")]
    found = []
    for parameter in parameters:
        if parameter.kind not in _KINDS:
            continue
        if parameter.default is inspect.Parameter.empty:
            found.append(Argument.model_validate({"name": parameter.name, "data_type": UnspecifiedType(), "kind": _KINDS[parameter.kind]}))
            continue
        try:
            data_type = UnspecifiedType() if parameter.default is None else infer(parameter.default)
            default = None if parameter.default is None else data_type.encode(parameter.default)
        except DataError:
            continue
        extra = {"required": False, "default": default, "kind": _KINDS[parameter.kind]}
        found.append(Argument.model_validate({"name": parameter.name, "data_type": data_type, **extra}))
    if attribute != "__call__":
        return found[:1]  # of a framework's method: the rest are knobs of the framework (return_std, num_iteration), not data
    return found


def _try(obj: Any, attribute: str, arguments: list[Argument], sample_data: Any, called: str) -> tuple[Method, Sample]:
    values = _values(arguments, sample_data, called)
    types: dict[str, DataType] = {name: infer(value, name) for name, value in values.items()}
    rows = {name: types[name].encode(first_row(value), name) for name, value in values.items()}
    taken = [argument.model_copy(update={"data_type": types.get(argument.name, argument.data_type)}) for argument in arguments]
    method = Method(name=attribute, args=tuple(taken), returns=UnspecifiedType())
    whole = method.call(obj, values)
    returns = infer(whole, "the answer")
    # The recorded call is made as the server will make it: from JSON, one row.
    answer = method.call(obj, method.decode_args(rows))
    try:
        encoded = returns.encode(answer, "the answer")
    except DataError:  # one row is answered in another shape than many
        returns = UnspecifiedType()
        encoded = returns.encode(answer, "the answer")
    method = method.model_copy(update={"returns": returns})
    rowwise = _is_rowwise(obj, method, values, whole)
    return method.model_copy(update={"rowwise": rowwise}), Sample(args=rows, returns=encoded)


def _is_rowwise(obj: Any, method: Method, values: Mapping[str, Any], whole: Any) -> bool:
    """Try whether single rows are answered as they were among all rows: the first, the last, and one in between."""
    if len(values) != 1 or len(method.args) != 1:
        return False
    ((name, value),) = values.items()
    takes, returns = method.args[0].data_type, method.returns
    count = takes.rows(value)
    if count is None or count < 2 or returns.rows(whole) != count:
        return False
    try:
        for row in sorted({0, count // 2, count - 1}):
            alone = returns.encode(method.call(obj, {name: takes.part(value, row, row + 1)}))
            if not equal(alone, returns.encode(returns.part(whole, row, row + 1))):
                return False
    except Exception as error:  # the user's code raises what it likes; that it can't take one row is an answer too
        _log.debug("%s does not take single rows: %s", method.name, error)
        return False
    return True


def _values(arguments: list[Argument], sample_data: Any, called: str) -> dict[str, Any]:
    """Match the sample with the arguments."""
    names = [argument.name for argument in arguments]
    required = [argument.name for argument in arguments if argument.required]
    if not names:
        raise UserError(f"{called} takes no arguments, so it can't be called on sample data", code="bad-sample")
    if len(required) < 2:
        return {(required or names)[0]: sample_data}
    if isinstance(sample_data, dict):
        missing = [name for name in required if name not in sample_data]
        unknown = next((name for name in sample_data if name not in names), None)
        if unknown is not None or missing:
            what = (
                f'{called} has no argument "{unknown}"' if unknown is not None else f"the sample data has no value for {', '.join(missing)}"
            )
            raise UserError(what, code="bad-sample", known=names, hint=did_you_mean(str(unknown), names) if unknown is not None else None)
        return dict(sample_data)
    if isinstance(sample_data, tuple) and len(required) <= len(sample_data) <= len(names):
        return dict(zip(names, sample_data, strict=False))
    raise UserError(
        f"{called} needs {len(required)} arguments ({', '.join(required)}), and the sample data does not have them",
        code="bad-sample",
        hint="give sample_data as a dict by argument name, or as a tuple in the order of the arguments",
    )
