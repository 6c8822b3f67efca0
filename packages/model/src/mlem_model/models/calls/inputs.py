"""Which argument a bare value is for: one that is sent without the name of an argument."""

from __future__ import annotations

from mlem_model.data.types.base import Json
from mlem_model.models.model import ALIAS, Method
from mlem_model.models.request_bodies import NOTHING, value_of_body


def arguments_of(payload: Json, method: Method) -> Json:
    """Return what was sent as ``{argument: value}``.

    Args:
        payload: Parsed JSON. An object whose keys are names of arguments is taken for the arguments, anything else for
            the value of the only argument that is required; see `mlem_model.models.request_bodies` for the names that
            others have for it.
        method: The method's signature.
    """
    names = {argument.name for argument in method.args}
    required = [argument for argument in method.args if argument.required]
    if isinstance(payload, dict) and payload and payload.keys() <= names | {ALIAS}:
        return payload
    if len(required) != 1:
        return payload
    value = value_of_body(payload, required[0].data_type)
    return {required[0].name: payload if value is NOTHING else value}
