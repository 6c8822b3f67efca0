"""Translation of the declarations that MLEM 0.4 wrote: each of its fields is mapped, or named with what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlem.provider import FieldReader, Lost, Translation, word_of

# What MLEM 0.4 wrote into a file is there even where it has no meaning here any more: these were its defaults.
_ARGS_DEFAULTS = {
    "run_cmd": "sh run.sh",
    "package_install_cmd": "apt-get update && apt-get -y upgrade && apt-get install --no-install-recommends -y",
    "package_clean_cmd": "&& apt-get clean && rm -rf /var/lib/apt/lists/*",
    "templates_dir": [],
}
_INSTEAD = {
    "package_install_cmd": "an image that has the packages: base_image",
    "templates_dir": "a folder to build from: mlem build docker_dir MODEL",
}
_CONTAINER_PORT = 8080


def translate_env(data: Mapping[str, Any], source: str, prefix: str = "") -> Translation:
    """Turn an env's fields of MLEM 0.4 into this version's; others are left alone.

    Args:
        data: The fields.
        source: The file's name, for messages.
        prefix: The path of ``data`` inside the file, with its dot.

    Raises:
        DeclarationError: A field has no counterpart, and can't be left out; the message names it.
    """
    reader, fields = FieldReader(source, prefix), dict(data)
    daemon = fields.pop("daemon", None)
    if isinstance(daemon, Mapping):
        reader.only(daemon, {"host", "type"}, "daemon")
        if daemon.get("host"):
            fields.setdefault("host", daemon["host"])
    registry = fields.get("registry")
    if isinstance(registry, Mapping) and "type" in registry:
        kind = registry["type"]
        if kind == "local":
            del fields["registry"]
        elif kind == "ecr" and registry.get("account") and registry.get("region"):
            fields["registry"] = {"host": f"{registry['account']}.dkr.ecr.{registry['region']}.amazonaws.com"}
        elif kind in ("remote", "docker_io"):
            host = registry.get("host") or ("docker.io" if kind == "docker_io" else None)
            fields["registry"] = {
                **{key: value for key, value in registry.items() if key != "type"},
                **({"host": host} if host else {}),
            }
        else:
            raise reader.fail(
                "registry.type",
                f'a registry of type "{kind}" has no counterpart here: give its host, as in an image\'s name',
            )
    return Translation(fields)


def translate_deployment(data: Mapping[str, Any], source: str, prefix: str = "") -> Translation:
    """Turn a deployment's fields of MLEM 0.4 into this version's; others are left alone.

    Args:
        data: The fields.
        source: The file's name, for messages.
        prefix: The path of ``data`` inside the file, with its dot.

    Raises:
        DeclarationError: A field has no counterpart, and can't be left out; the message names it.
    """
    reader, fields = FieldReader(source, prefix), dict(data)
    fields.pop("rm", None)  # containers are kept for their logs, and removed with their release
    lost = [*_server(fields.pop("server", None)), *_image(reader, fields, fields.pop("image", None))]
    if "ports" in fields:
        _ports(reader, fields, fields.pop("ports"))
    if "params" in fields:
        fields.setdefault("run_arguments", fields.pop("params"))
    if "args" in fields:
        lost += _args(reader, fields, fields.pop("args"))
    return Translation(fields, tuple(lost))


def _server(server: Any) -> Iterator[Lost]:
    if server is None:
        return
    kind = word_of(server)
    if kind != "fastapi":
        yield Lost(
            "server",
            f"{kind!r} has no counterpart: there is one server, which speaks HTTP with JSON",
            "see docs/how-to/serve.md",
        )
    elif isinstance(server, Mapping):
        yield from (Lost(f"server.{key}") for key in server if key not in ("type", "host", "port"))


def _image(reader: FieldReader, fields: dict[str, Any], image: Any) -> Iterator[Lost]:
    if image is None:
        return
    if not isinstance(image, Mapping):
        raise reader.fail("image", "expected a mapping with name and tag")
    reader.only(image, {"name", "tag", "repository", "registry"}, "image")
    for key in ("repository", "registry"):
        if image.get(key):
            # which MLEM 0.4 took and did not heed
            yield Lost(f"image.{key}", "set the env's registry.host, or put the path into image_name")
    if image.get("name"):
        fields.setdefault("image_name", image["name"])
    if image.get("tag") and image["tag"] != "latest":
        fields.setdefault("image_tag", image["tag"])


def _ports(reader: FieldReader, fields: dict[str, Any], ports: Any) -> None:
    """Read ``80``, ``8080:80`` or ``ip:8080:80``."""
    if not isinstance(ports, list) or len(ports) > 1:
        raise reader.fail(
            "ports", "a deployment publishes one port here: set port, and bind_address where it is not 127.0.0.1"
        )
    for entry in ports:
        address, _, rest = str(entry).rpartition(":")
        if not rest.isdigit():
            raise reader.fail("ports", f'"{entry}" is not a TCP port')
        ip, _, host_port = address.rpartition(":")
        if host_port and not host_port.isdigit():
            raise reader.fail("ports", f'"{entry}" is not a TCP port')
        if host_port:
            fields.setdefault("port", int(host_port))
        # 0.4 published on all interfaces: who took a declaration along expects to reach it from outside
        fields.setdefault("bind_address", ip or "0.0.0.0")  # noqa: S104  # what MLEM 0.4 bound
        if int(rest) != _CONTAINER_PORT:
            fields.setdefault("container_port", int(rest))


def _args(reader: FieldReader, fields: dict[str, Any], args: Any) -> Iterator[Lost]:
    if not isinstance(args, Mapping):
        raise reader.fail("args", "expected a mapping")
    for key, value in args.items():
        if key in ("base_image", "python_version", "platform"):
            if value is not None:
                fields.setdefault(key, value)
        elif key == "build_arg":
            fields.setdefault("build_arguments", dict(reader.pair(item, "args.build_arg") for item in value or []))
        elif key == "set_env":
            for item in value or []:
                _set_env(reader, fields, str(item))
        elif value not in (None, _ARGS_DEFAULTS.get(key)):
            yield Lost(f"args.{key}", todo=_INSTEAD.get(key, ""))


def _set_env(reader: FieldReader, fields: dict[str, Any], item: str) -> None:
    """Map ``NAME=value`` to a variable of the container, and ``NAME`` to one that is passed on."""
    if "=" in item:
        name, value = reader.pair(item, "args.set_env")
        fields["environment"] = {name: value, **fields.get("environment", {})}
    else:
        fields["pass_environment"] = [*fields.get("pass_environment", []), item]


def translate_builder(data: Mapping[str, Any], source: str, prefix: str = "") -> Translation:
    """Turn a builder's fields of MLEM 0.4 into this version's; others are left alone.

    Args:
        data: The fields.
        source: The file's name, for messages.
        prefix: The path of ``data`` inside the file, with its dot.

    Raises:
        DeclarationError: A field has no counterpart, and can't be left out; the message names it.
    """
    reader, fields = FieldReader(source, prefix), dict(data)
    image = fields.pop("image", None)
    lost = [*_server(fields.pop("server", None)), *_image(reader, fields, image)]
    if isinstance(image, Mapping):
        fields.pop("image_tag", None)
        fields.setdefault("tag", image.get("tag") or "latest")
    if "args" in fields:
        lost += _args(reader, fields, fields.pop("args"))
    for key in ("environment", "pass_environment"):
        if key in fields:
            raise reader.fail("args.set_env", "an image gets its variables where it runs")
    return Translation(fields, tuple(lost))
