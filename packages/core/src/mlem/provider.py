"""What providers and state managers are built with, beside the contracts of `mlem`: the second of two doors for plugins.

Every name is a tool for one of the contracts: reach a server, protect it, describe a change, translate what MLEM 0.4 wrote, keep states in
a store. What a plugin needs and does not find here is a question for us, and no reason to import from another module.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlem.clients.answers import Answer, check_answer
    from mlem.clients.http import HttpClient
    from mlem.clients.probe import answers, ready
    from mlem.data_reading import parse_data
    from mlem.data_writing import serialize_data
    from mlem.fields import Unit
    from mlem.files import unusable
    from mlem.holder import host_identity
    from mlem.legacy import BY_04, Adopted, FieldReader, Lost, Translation, served_by_04, suffixes_04, word_of
    from mlem.pickling import other_python
    from mlem.process_local import ProcessLocal
    from mlem.protection import (
        FROM_HERE,
        PROTECTION,
        PROTECTION_FILES,
        TOKENS,
        TOKENS_VARIABLE,
        has_these_tokens,
        passed_tokens,
        protection,
        protection_in,
        recorded_protection,
        seen_protection,
    )
    from mlem.saving import copy_model
    from mlem.state import STATE_EXTENSION
    from mlem.step import differences
    from mlem.stores.erasing import ErasingStore
    from mlem.stores.leased import LeasedStateManager
    from mlem.variables import VariableError, check_labels, check_variable_names

_HOMES = {
    "Adopted": "legacy",
    "Answer": "clients.answers",
    "BY_04": "legacy",
    "ErasingStore": "stores.erasing",
    "FROM_HERE": "protection",
    "FieldReader": "legacy",
    "HttpClient": "clients.http",
    "LeasedStateManager": "stores.leased",
    "Lost": "legacy",
    "PROTECTION": "protection",
    "PROTECTION_FILES": "protection",
    "ProcessLocal": "process_local",
    "STATE_EXTENSION": "state",
    "TOKENS": "protection",
    "TOKENS_VARIABLE": "protection",
    "Translation": "legacy",
    "Unit": "fields",
    "VariableError": "variables",
    "answers": "clients.probe",
    "check_answer": "clients.answers",
    "check_labels": "variables",
    "check_variable_names": "variables",
    "copy_model": "saving",
    "differences": "step",
    "has_these_tokens": "protection",
    "host_identity": "holder",
    "other_python": "pickling",
    "parse_data": "data_reading",
    "passed_tokens": "protection",
    "protection": "protection",
    "protection_in": "protection",
    "ready": "clients.probe",
    "recorded_protection": "protection",
    "seen_protection": "protection",
    "serialize_data": "data_writing",
    "served_by_04": "legacy",
    "suffixes_04": "legacy",
    "unusable": "files",
    "word_of": "legacy",
}

__all__ = [
    "BY_04",
    "FROM_HERE",
    "PROTECTION",
    "PROTECTION_FILES",
    "STATE_EXTENSION",
    "TOKENS",
    "TOKENS_VARIABLE",
    "Adopted",
    "Answer",
    "ErasingStore",
    "FieldReader",
    "HttpClient",
    "LeasedStateManager",
    "Lost",
    "ProcessLocal",
    "Translation",
    "Unit",
    "VariableError",
    "answers",
    "check_answer",
    "check_labels",
    "check_variable_names",
    "copy_model",
    "differences",
    "has_these_tokens",
    "host_identity",
    "other_python",
    "parse_data",
    "passed_tokens",
    "protection",
    "protection_in",
    "ready",
    "recorded_protection",
    "seen_protection",
    "serialize_data",
    "served_by_04",
    "suffixes_04",
    "unusable",
    "word_of",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: `import mlem.provider` stays cheap."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"mlem.{_HOMES[name]}"), name)
