"""Calls: a request's JSON becomes arguments for a method of the model, checked against its signature."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlem.errors import MlemError
from mlem.model import Method
from mlem_server.errors import HttpError, refusal

log = logging.getLogger("mlem.server")


@dataclass(frozen=True)
class Call:
    """One call of a method, decoded.

    Attributes:
        name: The method's public name.
        method: Its signature.
        args: Values by argument name.
    """

    name: str
    method: Method
    args: Mapping[str, Any]


def parse_json(body: bytes) -> Any:
    """Parse a body.

    The literals ``NaN``, ``Infinity`` and ``-Infinity`` are accepted, because ``json.dumps`` writes them; RFC 8259 has none.

    Raises:
        HttpError: 400 when it is no UTF-8, no JSON, or nested deeper than the interpreter allows.
    """
    try:
        return json.loads(body.decode("utf-8"))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        hint = "send the arguments as a JSON object"
        raise HttpError(400, "bad-json", f"the body is not JSON: {error.msg} at {where}", hint=hint) from error
    except UnicodeDecodeError as error:
        raise HttpError(400, "bad-json", f"the body is not UTF-8: {error.reason} at byte {error.start}") from error
    except RecursionError as error:
        raise HttpError(400, "bad-json", "the JSON is nested too deeply") from error
    except ValueError as error:  # an integer of more digits than the interpreter converts
        raise HttpError(400, "bad-json", "the JSON has a number with too many digits") from error


def decode_call(name: str, method: Method, payload: Any) -> Call:
    """Check a payload against a method's signature, and decode it.

    Args:
        name: The method's public name.
        method: Its signature.
        payload: ``{argument: value}``.

    Raises:
        HttpError: 422 with the path, what was expected and what was there.
    """
    try:
        return Call(name, method, method.decode_args(payload))
    except MlemError as error:
        raise refusal(error) from error
    except RecursionError as error:
        raise HttpError(400, "bad-json", "the JSON is nested too deeply") from error
    except Exception as error:
        # a value that a data type does not foresee is still the caller's fault; the log has what to repair
        log.warning("the data of a call of %s could not be decoded", name, exc_info=True)
        raise HttpError(422, "bad-data", f"the data does not fit the signature of {name}", hint="see /interface.json") from error
