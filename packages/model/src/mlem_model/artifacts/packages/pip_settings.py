"""pip's settings, for uv, which has its own and does not look at these.

Sources: https://pip.pypa.io/en/stable/topics/configuration/ and https://docs.astral.sh/uv/reference/environment/ (read
2026-11).
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

_SECTIONS = ("global", "install")
_INDEXES = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")


def uv_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which uv takes packages from where pip does, by its files and variables.

    uv's own settings count more, where it has some.

    Args:
        environment: That of this process.
    """
    found = dict(environment)
    settings = {**_of_files(environment), **_of_variables(environment)}
    index, more = settings.get("index-url", ""), settings.get("extra-index-url", "").split()
    if not any(name in found for name in _INDEXES):
        found |= {"UV_DEFAULT_INDEX": index} if index else {}
        # as pip chooses
        found |= {"UV_INDEX": " ".join(more), "UV_INDEX_STRATEGY": "unsafe-best-match"} if more else {}
    if settings.get("no-index", "0").lower() not in ("0", "false", "no", "off", ""):
        found.setdefault("UV_NO_INDEX", "1")
    for name, variable, between in (
        ("find-links", "UV_FIND_LINKS", ","),
        ("trusted-host", "UV_INSECURE_HOST", " "),
        ("constraint", "UV_CONSTRAINT", " "),
    ):
        if settings.get(name, "").split():
            found.setdefault(variable, between.join(settings[name].split()))
    if settings.get("cert"):
        found.setdefault("SSL_CERT_FILE", settings["cert"])
    return found


def _of_variables(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix("PIP_").lower().replace("_", "-"): value
        for name, value in environment.items()
        if name.startswith("PIP_") and value
    }


def _of_files(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what pip's files say; one that can't be read is pip's to complain of."""
    found: dict[str, str] = {}
    if environment.get("PIP_CONFIG_FILE") == os.devnull:
        return found
    for path in _files(environment):
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, configparser.Error):
            continue
        for section in _SECTIONS:
            if parser.has_section(section):
                found |= {name.replace("_", "-"): value for name, value in parser.items(section)}
    return found


def _files(environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield where pip looks, what counts most last."""
    home = Path(environment.get("HOME") or "~").expanduser()
    if sys.platform == "win32":
        yield Path(environment.get("PROGRAMDATA", "C:/ProgramData")) / "pip" / "pip.ini"
        yield home / "pip" / "pip.ini"
        yield Path(environment.get("APPDATA", home)) / "pip" / "pip.ini"
        yield Path(sys.prefix) / "pip.ini"
    else:
        for folder in environment.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"):
            yield Path(folder) / "pip" / "pip.conf"
        yield Path("/etc/pip.conf")
        yield home / ".pip" / "pip.conf"
        if sys.platform == "darwin":
            yield home / "Library" / "Application Support" / "pip" / "pip.conf"
        yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
        yield Path(sys.prefix) / "pip.conf"
    if environment.get("PIP_CONFIG_FILE"):
        yield Path(environment["PIP_CONFIG_FILE"])
