"""The Python and the variables that a local deployment runs with: those of the command that deploys."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Iterator

from mlem import Model
from mlem.provider import PROTECTION_FILES, TOKENS, TOKENS_VARIABLE, other_versions, passed_tokens
from mlem_provider_local.records import ProcessRecord


def files_here() -> dict[str, str]:
    """Return this command's variables that name files of tokens and certificates, with absolute paths."""
    return {name: os.path.abspath(os.environ[name]) for name in PROTECTION_FILES if os.environ.get(name)}


def server_variables(wanted: ProcessRecord) -> dict[str, str]:
    """Return the whole environment of a server: this command's, with the protection that the record says.

    Args:
        wanted: The record of the process. An older record without protection gives the server what this command has.

    Raises:
        UserError: It should have tokens, and none are set here.
    """
    variables = wanted.variables or {}
    if not wanted.knows(TOKENS):
        return {**os.environ, **variables}
    others = {name: value for name, value in os.environ.items() if name not in (TOKENS_VARIABLE, *PROTECTION_FILES)}
    return {**others, **variables, **passed_tokens(wanted)}


def differences(model: Model) -> Iterator[str]:
    """Yield what differs here from what the model was saved with, one line each.

    Args:
        model: The model's metadata.
    """
    here = platform.python_version()
    if model.python and model.python.split(".")[:2] != here.split(".")[:2]:
        yield f"saved with Python {model.python}, runs with {here}"
    for requirement, installed in other_versions(model.requirements):
        if installed is None:
            yield f"{requirement.pip} is not installed here: pip install {shlex.quote(requirement.pip)}"
        else:
            yield f"saved with {requirement.pip}, {installed} is installed here"
