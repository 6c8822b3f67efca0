"""One JSON Schema for the declarations of a project: of all that is installed, for editors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from mlem_model.plugins.registry import registry

DIALECT = "http://json-schema.org/draft-07/schema#"
"""What yaml-language-server reads. Source: https://github.com/redhat-developer/yaml-language-server#features (read
2026-11)."""
_KINDS: tuple[Literal["env", "deployment"], ...] = ("env", "deployment")
_REFERENCE = {"type": "string", "pattern": r"\$\{", "description": "a variable of the environment: ${NAME}"}


def schema() -> dict[str, Any]:
    """Return the schema of files of envs and deployments, of every type that is installed; other objects pass.

    A field's description has its unit and its default, as editors show descriptions. A value may be a reference to a
    variable, ``${PORT}``, whatever the field takes.
    """
    definitions: dict[str, Any] = {}
    branches, types = [], dict[str, list[str]]()
    for kind in _KINDS:
        for word, cls in sorted(registry().all(kind).items()):
            definitions |= _definitions(kind, word, cls)
            types.setdefault(kind, []).append(word)
            this = {"object_type": {"const": kind}, "type": {"const": word}}
            found = {"properties": this, "required": ["object_type", "type"]}
            branches.append({"if": found, "then": {"$ref": f"#/definitions/{_name(kind, word)}"}})
    branches += [
        {
            "if": {"properties": {"object_type": {"const": kind}}, "required": ["object_type"]},
            "then": {"properties": {"type": {"enum": words, "description": f"the type of the {kind}"}}},
        }
        for kind, words in types.items()
    ]
    return {
        "$schema": DIALECT,
        "title": "a file of mlem",
        "type": "object",
        "properties": {"object_type": {"description": "what the file declares", "examples": list(_KINDS)}},
        **({"allOf": branches} if branches else {}),  # an empty one is no schema
        "definitions": definitions,
    }


def _name(kind: str, word: str) -> str:
    return f"{kind}.{word}"


def _definitions(kind: str, word: str, cls: type[Any]) -> dict[str, Any]:
    name = _name(kind, word)
    own = cls.model_json_schema(ref_template=f"#/definitions/{name}.{{model}}")
    found = {f"{name}.{key}": value for key, value in own.pop("$defs", {}).items()}
    own["properties"] = {
        "object_type": {"const": kind},
        "type": {"const": word, "description": own.get("description", "")},
        "made_by": {"type": "string", "description": "the distribution that the type is of"},
        **own.get("properties", {}),
    }
    if kind == "deployment" and "env" in own["properties"]:
        _name_env(own["properties"]["env"], cls)
    found[name] = own
    for each in found.values():
        for key, value in list(each.get("properties", {}).items()):
            if key not in ("object_type", "type"):
                each["properties"][key] = _for_people(value)
    return found


def _name_env(field: dict[str, Any], cls: type[Any]) -> None:
    """Say what an env that is written in its deployment has: the fields of the env's own type."""
    env = f"#/definitions/{_name('env', cls.env_type)}"
    if cls.env_type in registry().all("env"):
        field["anyOf"] = [{"$ref": env} if one.get("type") == "object" else one for one in field.get("anyOf", ())]


def _for_people(field: Mapping[str, Any]) -> dict[str, Any]:
    """Put unit and default into a field's description, and let it be a reference to a variable."""
    default = field.get("default")
    more = [
        f"Unit: {field['unit']}." if field.get("unit") else "",
        f"Default: {json.dumps(default)}." if default not in (None, "", [], {}) else "",
    ]
    text = " ".join(filter(None, [str(field.get("description", "")), *more]))
    described = {"description": text} if text else {}
    choices = list(field.get("anyOf", ()))
    if any(one.get("type") == "string" and "pattern" not in one and "format" not in one for one in (field, *choices)):
        return {**field, **described}
    plain = {name: value for name, value in field.items() if name not in ("description", "default", "title", "unit")}
    kept = {name: field[name] for name in ("default", "unit") if name in field}
    return {**described, **kept, "anyOf": [*(choices or [plain]), _REFERENCE]}
