"""The Python API: what a program does with models and deployments. Every name that a program needs is here.

It prints nothing, and leaves signals, logging, warnings and threads to the program; whatever it has to report goes to
loggers below ``mlem``, to ``report=`` and into errors, which are all `MlemError`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlem.api.declarations import declare_deployment, declare_env, deploy, deployments, init, promote
    from mlem.api.diagnosis import Check, diagnose
    from mlem.api.importing import import_model
    from mlem.api.installed import InstalledPlugin, fields, plugins, types
    from mlem.api.models import apply, build, serve
    from mlem.api.objects import load, load_meta, model_types, save
    from mlem.api.schemas import schema
    from mlem.api.settings import get_config, list_config, set_config, unset_config
    from mlem.clients.client import Client, UnknownMethodError
    from mlem.clients.http import HttpClient
    from mlem.deployments.deployment import Deployment, Phase, Status
    from mlem.deployments.env import Env
    from mlem.deployments.execution.engine import Outcome
    from mlem.deployments.execution.locking import LockOptions
    from mlem.deployments.execution.options import RunOptions
    from mlem.deployments.handle import DeploymentHandle
    from mlem.deployments.notebook.plan import Plan
    from mlem.deployments.notebook.releases import Releases
    from mlem.deployments.overview.listing import list_deployments
    from mlem.deployments.overview.selection import Selected, select
    from mlem.deployments.overview.summary import DeploymentSummary
    from mlem.deployments.owner import Candidate
    from mlem.deployments.releases.planned import Planned
    from mlem.deployments.step import Change
    from mlem.deployments.upkeep.adopting import adopt, find_candidates, recover
    from mlem.deployments.upkeep.forgetting import Left, forget_state
    from mlem.deployments.upkeep.garbage import Garbage, find_garbage
    from mlem.deployments.upkeep.renaming import rename_state
    from mlem.migrating.project import migrate
    from mlem.project.config import Setting
    from mlem.state.event import Event
    from mlem.state.provenance import Provenance
    from mlem.state.state import LockInfo, Release, State
    from mlem_model.data.dataset import Dataset
    from mlem_model.errors import (
        ConflictError,
        CredentialsError,
        DataError,
        DeclarationError,
        GateError,
        LockedError,
        MlemError,
        NotFoundError,
        PlatformError,
        PluginError,
        StateUnknownError,
        UserError,
        WaitTimeoutError,
    )
    from mlem_model.models.model import Model

_HOMES = {
    "Candidate": "mlem.deployments.owner",
    "Change": "mlem.deployments.step",
    "Check": "mlem.api.diagnosis",
    "Client": "mlem.clients.client",
    "ConflictError": "mlem_model.errors",
    "CredentialsError": "mlem_model.errors",
    "DataError": "mlem_model.errors",
    "Dataset": "mlem_model.data.dataset",
    "DeclarationError": "mlem_model.errors",
    "Deployment": "mlem.deployments.deployment",
    "DeploymentHandle": "mlem.deployments.handle",
    "DeploymentSummary": "mlem.deployments.overview.summary",
    "Env": "mlem.deployments.env",
    "Event": "mlem.state.event",
    "Garbage": "mlem.deployments.upkeep.garbage",
    "GateError": "mlem_model.errors",
    "HttpClient": "mlem.clients.http",
    "InstalledPlugin": "mlem.api.installed",
    "Left": "mlem.deployments.upkeep.forgetting",
    "LockInfo": "mlem.state.state",
    "LockOptions": "mlem.deployments.execution.locking",
    "LockedError": "mlem_model.errors",
    "MlemError": "mlem_model.errors",
    "Model": "mlem_model.models.model",
    "NotFoundError": "mlem_model.errors",
    "Outcome": "mlem.deployments.execution.engine",
    "Phase": "mlem.deployments.deployment",
    "Plan": "mlem.deployments.notebook.plan",
    "Planned": "mlem.deployments.releases.planned",
    "PlatformError": "mlem_model.errors",
    "PluginError": "mlem_model.errors",
    "Provenance": "mlem.state.provenance",
    "Release": "mlem.state.state",
    "Releases": "mlem.deployments.notebook.releases",
    "RunOptions": "mlem.deployments.execution.options",
    "Selected": "mlem.deployments.overview.selection",
    "Setting": "mlem.project.config",
    "State": "mlem.state.state",
    "StateUnknownError": "mlem_model.errors",
    "Status": "mlem.deployments.deployment",
    "UnknownMethodError": "mlem.clients.client",
    "UserError": "mlem_model.errors",
    "WaitTimeoutError": "mlem_model.errors",
    "adopt": "mlem.deployments.upkeep.adopting",
    "apply": "mlem.api.models",
    "build": "mlem.api.models",
    "declare_deployment": "mlem.api.declarations",
    "declare_env": "mlem.api.declarations",
    "deploy": "mlem.api.declarations",
    "deployments": "mlem.api.declarations",
    "diagnose": "mlem.api.diagnosis",
    "fields": "mlem.api.installed",
    "find_candidates": "mlem.deployments.upkeep.adopting",
    "find_garbage": "mlem.deployments.upkeep.garbage",
    "forget_state": "mlem.deployments.upkeep.forgetting",
    "get_config": "mlem.api.settings",
    "import_model": "mlem.api.importing",
    "init": "mlem.api.declarations",
    "list_config": "mlem.api.settings",
    "list_deployments": "mlem.deployments.overview.listing",
    "load": "mlem.api.objects",
    "load_meta": "mlem.api.objects",
    "migrate": "mlem.migrating.project",
    "model_types": "mlem.api.objects",
    "plugins": "mlem.api.installed",
    "promote": "mlem.api.declarations",
    "recover": "mlem.deployments.upkeep.adopting",
    "rename_state": "mlem.deployments.upkeep.renaming",
    "save": "mlem.api.objects",
    "schema": "mlem.api.schemas",
    "select": "mlem.deployments.overview.selection",
    "serve": "mlem.api.models",
    "set_config": "mlem.api.settings",
    "types": "mlem.api.installed",
    "unset_config": "mlem.api.settings",
}

__all__ = [
    "Candidate",
    "Change",
    "Check",
    "Client",
    "ConflictError",
    "CredentialsError",
    "DataError",
    "Dataset",
    "DeclarationError",
    "Deployment",
    "DeploymentHandle",
    "DeploymentSummary",
    "Env",
    "Event",
    "Garbage",
    "GateError",
    "HttpClient",
    "InstalledPlugin",
    "Left",
    "LockInfo",
    "LockOptions",
    "LockedError",
    "MlemError",
    "Model",
    "NotFoundError",
    "Outcome",
    "Phase",
    "Plan",
    "Planned",
    "PlatformError",
    "PluginError",
    "Provenance",
    "Release",
    "Releases",
    "RunOptions",
    "Selected",
    "Setting",
    "State",
    "StateUnknownError",
    "Status",
    "UnknownMethodError",
    "UserError",
    "WaitTimeoutError",
    "adopt",
    "apply",
    "build",
    "declare_deployment",
    "declare_env",
    "deploy",
    "deployments",
    "diagnose",
    "fields",
    "find_candidates",
    "find_garbage",
    "forget_state",
    "get_config",
    "import_model",
    "init",
    "list_config",
    "list_deployments",
    "load",
    "load_meta",
    "migrate",
    "model_types",
    "plugins",
    "promote",
    "recover",
    "rename_state",
    "save",
    "schema",
    "select",
    "serve",
    "set_config",
    "types",
    "unset_config",
]


def __getattr__(name: str) -> Any:
    """Import a name at its first use: a command needs a few of them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
