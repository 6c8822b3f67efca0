"""Tools for providers and state managers, beside the contracts in `mlem`: the second of two doors for plugins.

Every name is a tool for one of the contracts: reach a server, protect it, describe a change, translate what MLEM 0.4
wrote, keep states in a store. If a plugin needs something that is not here, ask us instead of importing it from another
module.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlem.clients.adopted import BY_OTHERS, adopted_responds, served_by_others
    from mlem.clients.connection.proxy import proxy_for
    from mlem.clients.http import HttpClient
    from mlem.clients.probe import ready
    from mlem.clients.response import Response, check_response
    from mlem.deployments.owner import Candidate, Owner
    from mlem.deployments.step import differences
    from mlem.deployments.variables import VariableError, check_labels, check_variable_names
    from mlem.state.adopted import Adopted
    from mlem.state.backoff import backoff_s
    from mlem.state.locks.owner import host_identity
    from mlem.state.protection import (
        FROM_HERE,
        PROTECTION,
        TOKENS,
        has_these_tokens,
        passed_tokens,
        protection,
        protection_in,
        recorded_protection,
        seen_protection,
    )
    from mlem.state.state import STATE_EXTENSION
    from mlem.state.stores.erasing import ErasingStore
    from mlem.state.stores.leased import LeasedStateManager
    from mlem_model.artifacts.packages.installed import other_versions
    from mlem_model.artifacts.packages.pip_settings import uv_environment
    from mlem_model.artifacts.sizes import size_in_words
    from mlem_model.data.formats.reading import parse_data
    from mlem_model.data.formats.writing import serialize_data
    from mlem_model.legacy.fields import BY_04, FieldReader, Lost, Translation, suffixes_04, word_of
    from mlem_model.models.saving import copy_model
    from mlem_model.objects.fields import Unit
    from mlem_model.objects.file_systems import lacks_credentials
    from mlem_model.objects.files import unusable
    from mlem_model.process_local import ProcessLocal
    from mlem_model.serving.protection import PROTECTION_FILES, TOKENS_VARIABLE

_HOMES = {
    "Adopted": "mlem.state.adopted",
    "Response": "mlem.clients.response",
    "BY_04": "mlem_model.legacy.fields",
    "BY_OTHERS": "mlem.clients.adopted",
    "Candidate": "mlem.deployments.owner",
    "ErasingStore": "mlem.state.stores.erasing",
    "FROM_HERE": "mlem.state.protection",
    "FieldReader": "mlem_model.legacy.fields",
    "HttpClient": "mlem.clients.http",
    "LeasedStateManager": "mlem.state.stores.leased",
    "Lost": "mlem_model.legacy.fields",
    "Owner": "mlem.deployments.owner",
    "PROTECTION": "mlem.state.protection",
    "PROTECTION_FILES": "mlem_model.serving.protection",
    "ProcessLocal": "mlem_model.process_local",
    "STATE_EXTENSION": "mlem.state.state",
    "TOKENS": "mlem.state.protection",
    "TOKENS_VARIABLE": "mlem_model.serving.protection",
    "Translation": "mlem_model.legacy.fields",
    "Unit": "mlem_model.objects.fields",
    "VariableError": "mlem.deployments.variables",
    "adopted_responds": "mlem.clients.adopted",
    "check_response": "mlem.clients.response",
    "backoff_s": "mlem.state.backoff",
    "check_labels": "mlem.deployments.variables",
    "check_variable_names": "mlem.deployments.variables",
    "copy_model": "mlem_model.models.saving",
    "differences": "mlem.deployments.step",
    "has_these_tokens": "mlem.state.protection",
    "host_identity": "mlem.state.locks.owner",
    "lacks_credentials": "mlem_model.objects.file_systems",
    "other_versions": "mlem_model.artifacts.packages.installed",
    "parse_data": "mlem_model.data.formats.reading",
    "passed_tokens": "mlem.state.protection",
    "proxy_for": "mlem.clients.connection.proxy",
    "protection": "mlem.state.protection",
    "protection_in": "mlem.state.protection",
    "ready": "mlem.clients.probe",
    "recorded_protection": "mlem.state.protection",
    "seen_protection": "mlem.state.protection",
    "serialize_data": "mlem_model.data.formats.writing",
    "served_by_others": "mlem.clients.adopted",
    "size_in_words": "mlem_model.artifacts.sizes",
    "suffixes_04": "mlem_model.legacy.fields",
    "unusable": "mlem_model.objects.files",
    "uv_environment": "mlem_model.artifacts.packages.pip_settings",
    "word_of": "mlem_model.legacy.fields",
}

__all__ = [
    "BY_04",
    "BY_OTHERS",
    "FROM_HERE",
    "PROTECTION",
    "PROTECTION_FILES",
    "STATE_EXTENSION",
    "TOKENS",
    "TOKENS_VARIABLE",
    "Adopted",
    "Candidate",
    "ErasingStore",
    "FieldReader",
    "HttpClient",
    "LeasedStateManager",
    "Lost",
    "Owner",
    "ProcessLocal",
    "Response",
    "Translation",
    "Unit",
    "VariableError",
    "adopted_responds",
    "backoff_s",
    "check_labels",
    "check_response",
    "check_variable_names",
    "copy_model",
    "differences",
    "has_these_tokens",
    "host_identity",
    "lacks_credentials",
    "other_versions",
    "parse_data",
    "passed_tokens",
    "protection",
    "protection_in",
    "proxy_for",
    "ready",
    "recorded_protection",
    "seen_protection",
    "serialize_data",
    "served_by_others",
    "size_in_words",
    "suffixes_04",
    "unusable",
    "uv_environment",
    "word_of",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: `import mlem.provider` stays cheap."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
