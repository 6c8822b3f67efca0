"""Translation of the metadata that MLEM 0.4 wrote for a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlem_model.errors import DeclarationError
from mlem_model.legacy.fields import OF_04, FieldReader

AGAIN = "load the object with the packages that it was saved with, and save it again with this version"
_ALIKE = {"sklearn": "sklearn", "sklearn_pipeline": "sklearn"}
_IMPORTED = frozenset({"xgboost", "lightgbm", "catboost", "onnx", "torch", "tensorflow", "tf_keras"})
"""What has files of its framework, which can be imported."""
_IGNORED_INSTALLABLE = {"type", "module", "version", "package_name"}


def translate(data: Mapping[str, Any], source: str, prefix: str = "") -> dict[str, Any]:
    """Turn the content of a model's file of MLEM 0.4 into this version's.

    Args:
        data: The file's mapping.
        source: The file's name, for messages.
        prefix: The path of ``data`` inside the file.

    Raises:
        DeclarationError: A field has no counterpart; the message names it.
    """
    reader = FieldReader(source, prefix, AGAIN)
    reader.only(
        data,
        ("artifacts", "call_orders", "object_type", "processors", "requirements", "params", "type", "location"),
        "",
    )
    processors = reader.mapping(data["processors"], "processors")
    extra = next((name for name in processors if name != "model"), None)
    if extra is not None or "model" not in processors:
        raise reader.fail(
            f"processors.{extra or 'model'}", 'only the processor "model" has a counterpart in this version'
        )
    model = reader.mapping(processors["model"], "processors.model")
    reader.only(model, ("type", "methods", "io"), "processors.model")
    word = model.get("type")
    if word in _IMPORTED:
        raise DeclarationError(
            f"{source}: a model that MLEM 0.4 saved with {word}: it has a file of its framework",
            code=OF_04,
            hint=f"mlem import {source} NAME --sample rows.csv",
        )
    if not isinstance(word, str) or _ALIKE.get(word) is None:
        raise reader.fail("processors.model.type", f"objects that MLEM 0.4 saved as {word!r} can't be read")
    io = reader.mapping(model.get("io", {}), "processors.model.io")
    if io.get("type", "simple_pickle") not in ("simple_pickle", "pickle"):
        raise reader.fail("processors.model.io.type", f"artifacts that MLEM 0.4 wrote as {io['type']!r} can't be read")
    return {
        "model_type": _ALIKE[word],
        "artifacts": artifacts(reader, data.get("artifacts") or {}, "pickle"),
        "methods": _methods(
            reader, reader.mapping(model.get("methods", {}), "processors.model.methods"), data.get("call_orders")
        ),
        "requirements": [
            _requirement(reader, item, f"requirements.{index}")
            for index, item in enumerate(reader.items(data.get("requirements") or [], "requirements"))
        ],
        "params": data.get("params") or {},
    }


def artifacts(reader: FieldReader, data: Any, kind: str) -> dict[str, Any]:
    """Translate the list of files.

    Args:
        reader: Knows the file's name.
        data: The field ``artifacts``.
        kind: How the files are to be read.
    """
    found: dict[str, Any] = {}
    for name, item in reader.mapping(data, "artifacts").items():
        path = f"artifacts.{name}"
        reader.only(reader.mapping(item, path), ("uri", "size", "hash", "type"), path)
        if item.get("type", "local") != "local":
            raise reader.fail(f"{path}.type", f"artifacts of type {item['type']!r} can't be read")
        missing = next((key for key in ("uri", "size") if key not in item), None)
        if missing:
            raise reader.fail(f"{path}.{missing}", "required field is missing")
        found[name] = {
            "uri": item["uri"],
            "size_bytes": item["size"],
            "format": kind,
            **({"md5": item["hash"]} if item.get("hash") else {}),
        }
    return found


def _methods(reader: FieldReader, methods: Mapping[str, Any], orders: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, calls in reader.mapping(
        orders if orders is not None else {name: [["model", name]] for name in methods}, "call_orders"
    ).items():
        path = f"call_orders.{name}"
        if (
            not isinstance(calls, list)
            or len(calls) != 1
            or not isinstance(calls[0], list)
            or calls[0][:1] != ["model"]
            or len(calls[0]) != 2
        ):
            raise reader.fail(path, "only a call of one method of the model has a counterpart in this version")
        attribute = calls[0][1]
        if attribute not in methods:
            raise reader.fail(path, f"the processor has no method {attribute!r}")
        found[name] = _method(reader, methods[attribute], f"processors.model.methods.{attribute}")
    return found


def _method(reader: FieldReader, data: Any, path: str) -> dict[str, Any]:
    reader.only(
        reader.mapping(data, path), ("name", "args", "returns", "varargs", "varargs_type", "varkw", "varkw_type"), path
    )
    arguments = []
    for index, item in enumerate(reader.items(data.get("args") or [], f"{path}.args")):
        reader.only(
            reader.mapping(item, f"{path}.args.{index}"),
            ("name", "type_", "required", "default", "kw_only"),
            f"{path}.args.{index}",
        )
        renamed = {"type_": "data_type"}
        argument = {renamed.get(key, key): value for key, value in item.items() if key != "kw_only"}
        arguments.append({**argument, **({"kind": "keyword_only"} if item.get("kw_only") else {})})
    return {"name": data.get("name"), "args": arguments, "returns": data.get("returns") or {"type": "unspecified"}}


def _requirement(reader: FieldReader, data: Any, path: str) -> dict[str, Any]:
    kind = reader.mapping(data, path).get("type", "installable")
    if kind != "installable":
        raise reader.fail(f"{path}.type", f"requirements of type {kind!r} have no counterpart in this version")
    reader.only({key: value for key, value in data.items() if value is not None}, _IGNORED_INSTALLABLE, path)
    if not data.get("module") or not data.get("version"):
        raise reader.fail(path, "a requirement needs a module and a version")
    return {
        "module": data["module"],
        "version": data["version"],
        "package_name": data.get("package_name") or data["module"],
    }


def translate_data(data: Mapping[str, Any], source: str, prefix: str = "") -> dict[str, Any]:
    """Turn the content of a data set's file of MLEM 0.4 into this version's.

    Args:
        data: The file's mapping.
        source: The file's name, for messages.
        prefix: The path of ``data`` inside the file.

    Raises:
        DeclarationError: A field has no counterpart; the message names it.
    """
    reader = FieldReader(source, prefix, AGAIN)
    reader.only(data, ("artifacts", "object_type", "reader", "requirements", "type", "location", "params"), "")
    about = reader.mapping(data["reader"], "reader")
    reader.only(about, ("type", "format", "data_type"), "reader")
    kind = {"numpy": "npy", "primitive": "json", "pandas_series": about.get("format", "csv")}.get(
        about.get("type", ""), about.get("format")
    )
    if kind not in ("csv", "json", "parquet", "npy"):
        raise reader.fail("reader.format", f"data that MLEM 0.4 wrote as {kind!r} can't be read")
    if "data_type" not in about:
        raise reader.fail("reader.data_type", "required field is missing")
    requirements = reader.items(data.get("requirements") or [], "requirements")
    return {
        "data_type": about["data_type"],
        "artifacts": artifacts(reader, data.get("artifacts") or {}, kind),
        "requirements": [
            _requirement(reader, item, f"requirements.{index}") for index, item in enumerate(requirements)
        ],
    }
