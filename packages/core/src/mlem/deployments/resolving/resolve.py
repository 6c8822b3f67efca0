"""From names to values: a deployment with its env, its model and its state store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlem.deployments.deployment import Deployment
from mlem.deployments.edge import plugin_edge
from mlem.deployments.env import Env
from mlem.deployments.resolving.layers import Layers
from mlem.deployments.resolving.substitution import substituted
from mlem.deployments.step import Context
from mlem.project.config import Config, load_config
from mlem.project.head import expect_object, maker_of
from mlem.project.project import Location, locate, objects_of_kind
from mlem.state.manager import StateManager, Store
from mlem.state.pointer import expect_nowhere_else
from mlem.state.state import State
from mlem.state.stored import read_state
from mlem_model.errors import DeclarationError, MlemError, NotFoundError, PluginError
from mlem_model.legacy.fields import OF_04
from mlem_model.objects.object import EXTENSION
from mlem_model.objects.source import source_of
from mlem_model.plugins.registry import registry

if TYPE_CHECKING:
    from mlem_model.models.model import Model


@dataclass(frozen=True)
class Target:
    """A deployment with everything that the engine needs to work on it.

    Attributes:
        location: Where the declaration is, or will be.
        deployment: The declaration.
        env: The platform.
        config: The settings of the declaration's own project.
        manager: What keeps the state.
        store: Where it keeps it.
        declared: Whether a declaration says so; if not, all of it is from the state.
    """

    location: Location
    deployment: Deployment
    env: Env
    config: Config
    manager: StateManager
    store: Store
    declared: bool = True

    @property
    def name(self) -> str:
        """The deployment's name in its project."""
        return self.location.key

    def declaration(self) -> dict[str, Any]:
        """Return what is declared as a state keeps it: with the env inlined, without secrets."""
        return self.deployment.to_declaration(self.env.to_data())

    @property
    def state_words(self) -> str:
        """What a command needs to find a deployment that is not declared here: `` --state URI``; else empty."""
        return "" if self.declared else f" --state {getattr(self.manager, 'uri', None) or 'local'}"

    def read_state(self) -> State | None:
        """Read the state without a lock; None when there is none.

        Raises:
            DeclarationError: The state can't be read.
            ConflictError: Another state manager has it.
        """
        state = read_state(self.store, self.name).state
        if state is None:
            expect_nowhere_else(self.manager, self.location.root, self.name)
        return state

    def context(self, state: State, report: Callable[[str], None] = lambda _line: None) -> Context[Deployment, Env]:
        """Return what steps may know, without a model."""
        variables = self.config.core.trust.to_environment()
        return Context(
            self.name,
            state.lineage,
            self.deployment,
            self.env,
            records=state.records,
            variables=variables,
            image_builder=self.config.core.images.builder,
            report=report,
        )


@plugin_edge()
def load_deployment(location: Location) -> Deployment:
    """Read a declaration.

    Raises:
        NotFoundError: It does not exist.
        DeclarationError: It is not a deployment, or has a wrong field.
        PluginError: Its type is not installed.
    """
    layers = Layers.read(location)
    data = layers.base
    expect_object(data, "deployment", location)
    type_ = data.get("type")
    if not isinstance(type_, str):
        raise DeclarationError(f"{location}: type: required field is missing", known=registry().words("deployment"))
    try:
        cls = deployment_class(type_, maker_of(data))
    except PluginError as error:
        made_by = "" if maker_of(data) else _maker_on_record(data, location)
        if not made_by:
            raise
        raise registry().unknown(("deployment", "env"), type_, made_by) from error
    return cls.from_data(substituted(layers.fields(cls), layers.source), layers.source)


def _maker_on_record(data: Mapping[str, Any], location: Location) -> str:
    """Look into the state of a declaration that was written by hand; empty when that says nothing either."""
    try:
        declared = data.get("state_manager")
        if isinstance(declared, str | dict):
            fields = substituted(_state_fields(declared), str(location), prefix="state_manager.")
            manager = _manager(fields, str(location), "state_manager.")
        else:
            manager = configured_manager(load_config(location.root))
        state = read_state(manager.store(location.root), location.key).state
        return "" if state is None else maker_of(state.declaration)
    except MlemError:
        return ""


def deployment_class(word: str, made_by: str = "") -> type[Deployment]:
    """Return the deployment class of a deployment type, or the default one of an env type.

    Args:
        word: The type.
        made_by: The distribution that wrote it, see `maker_of`.

    Raises:
        PluginError: No such type is installed.
    """
    found = registry().find(("deployment", "env"), word, made_by)
    if found is None:
        raise registry().unknown(("deployment", "env"), word, made_by)
    if not issubclass(found, Env):
        return found
    return registry().beside(found, "deployment", found.deployment_type)


@plugin_edge()
def resolve(location: Location, deployment: Deployment | None = None) -> Target:
    """Find everything that a deployment names, but its model.

    Args:
        location: Where the declaration is, or will be.
        deployment: The declaration; read from its file when None.
    """
    deployment = (deployment or load_deployment(location)).declared_in(location.path.parent)
    config = load_config(location.root)
    manager = state_manager(deployment, config, _source(location))
    return Target(
        location, deployment, resolve_env(deployment, location), config, manager, manager.store(location.root)
    )


def resolve_env(deployment: Deployment, location: Location) -> Env:
    """Return a deployment's env: by name, inline, by type, or its type's defaults.

    Raises:
        NotFoundError: No env has the name.
        DeclarationError: It is of another type than the deployment needs.
    """
    wanted: type[Env] = registry().beside(type(deployment), "env", deployment.env_type)
    declared, folder = deployment.env, location.path.parent
    if "path" not in wanted.model_fields:
        declared = link_04(declared, str(location))
    if declared is None:
        return wanted.from_data({}, str(location), prefix="env.").declared_in(folder)
    if isinstance(declared, str):
        place = near(declared, location)
        if place is None:
            if declared.replace("-", "_") in (wanted.type, wanted.deployment_type):
                return wanted.from_data({}, str(location), prefix="env.").declared_in(folder)
            raise NotFoundError(
                f'{source_of(_source(location), "env")}: env: no env "{declared}"',
                known=[name for name, _ in objects_of_kind(location.root, "env")],
                hint=f"mlem declare env {wanted.type} {declared}",
            )
        data, source, prefix, folder = place.read(), str(place), "", place.path.parent
        expect_object(data, "env", place)
        data = substituted(data, source)
    else:
        data, source, prefix = declared, _source(location), "env."
    type_ = data.get("type", wanted.type)
    if type_ != wanted.type:
        where = source_of(source, f"{prefix}type")
        raise DeclarationError(
            f"{where}: {prefix}type: a {deployment.type} deployment needs an env of type {wanted.type}, got {type_}",
            code="wrong-env",
        )
    return wanted.from_data(data, source, prefix=prefix).declared_in(folder)


def _source(location: Location) -> str:
    """Return the files of a declaration, for messages."""
    return Layers.read(location).source if location.overlay else str(location)


def link_04(declared: str | dict[str, Any] | None, source: str) -> str | dict[str, Any] | None:
    """Return what a declaration says of its env; where that is a link of MLEM 0.4, the name that it means.

    Raises:
        DeclarationError: The link is to another project.
    """
    if not isinstance(declared, dict) or not isinstance(declared.get("path"), str) or not {*declared} <= _LINK_04:
        return declared
    elsewhere = next((key for key in ("project", "rev") if declared.get(key)), None)
    if elsewhere is not None:
        raise DeclarationError(
            f"{source}: env.{elsewhere}: an env of another project can't be named",
            code=OF_04,
            hint="copy its file into this project, and name it: env: NAME",
        )
    return str(declared["path"]).removesuffix(EXTENSION)


_LINK_04 = {"path", "project", "rev", "object_type", "link_type", "type"}


def resolve_model(name: str, location: Location) -> tuple[Model, Location]:
    """Read a model's metadata; the model itself is never loaded.

    Args:
        name: As declared: relative to the declaration's folder, or to its project.
        location: The declaration.

    Raises:
        NotFoundError: No such model.
        DeclarationError: Its metadata is wrong.
    """
    from mlem_model.models.model import Model  # late: the data types cost what a status command takes in all

    place = near(name, location) or locate(name, str(location.root))
    data = place.read("model")
    expect_object(data, "model", place)
    return Model.from_data(data, str(place)).at(place.source), place


def near(name: str, location: Location) -> Location | None:
    """Find an object by a name that a declaration uses: beside it, or from its project's root."""
    if "://" in name:
        return locate(name)
    for folder in dict.fromkeys([location.path.parent, location.root]):
        if folder.is_dir():
            place = locate(name, str(folder))
            if place.path.is_file():
                return replace(place, root=location.root)
    return None


def state_manager(deployment: Deployment, config: Config, source: str) -> StateManager:
    """Return what keeps a deployment's state: its own field, else the setting of its own project, else files beside it.

    Raises:
        DeclarationError: A field of it is wrong.
        PluginError: Its type is not installed.
    """
    declared = deployment.state_manager
    if declared is None:
        return configured_manager(config)
    return _manager(_state_fields(declared), source, "state_manager.")


def configured_manager(config: Config, fields: Mapping[str, Any] | None = None) -> StateManager:
    """Return what keeps the states of a project's deployments that do not say otherwise.

    Args:
        config: The project's settings.
        fields: Other values for some of them; a setting of another type of manager does not count then.

    Raises:
        DeclarationError: A field of it is wrong.
        PluginError: Its type is not installed.
    """
    settings = config.core.state.model_dump(exclude_unset=True, exclude={"lock_timeout_s"})
    chosen = settings.get("uri") or settings.get("type")
    if fields is None:
        # how to reach a store waits for the choice of one
        return _manager(settings if chosen else {}, ".mlem.yaml", "core.state.")
    type_ = fields.get("type") or _type_of_uri(fields.get("uri"))
    if not chosen:
        known = registry().get("state_manager", type_).model_fields
        settings = {name: value for name, value in settings.items() if name in known}
    elif type_ != (settings.get("type") or _type_of_uri(settings.get("uri"))):
        settings = {}
    return _manager({**settings, **fields, "type": type_}, "state manager", "")


def manager_at(place: str, config: Config) -> StateManager:
    """Return the state manager of a place that a user names.

    Args:
        place: A URI, or ``local`` for files beside the declarations.
        config: The settings of the project that the command works in: how stores are reached.

    Raises:
        DeclarationError: It is not such a place.
        PluginError: No state manager of the scheme is installed.
    """
    return configured_manager(config, {"type": "local"} if place == "local" else {"uri": place})


def _manager(fields: dict[str, Any], source: str, prefix: str) -> StateManager:
    cls = manager_class(fields)
    return cls.from_data({key: value for key, value in fields.items() if key != "type"}, source, prefix=prefix)


def manager_class(fields: Mapping[str, Any]) -> type[StateManager]:
    """Return the class of a state manager that is declared by its fields: its type, else that of its URI.

    Raises:
        PluginError: It is not installed.
    """
    return registry().get("state_manager", fields.get("type") or _type_of_uri(fields.get("uri")))


def _state_fields(declared: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(declared, dict):
        return dict(declared)
    return {"uri": declared} if "://" in declared or "/" in declared else {"type": declared}


def _type_of_uri(uri: Any) -> str:
    if not uri:
        return "local"
    scheme = str(uri).partition("://")[0]
    # A plugin that keeps states under a scheme of its own is named for it: the others are not imported to ask.
    return scheme if registry().find(("state_manager",), scheme, guess=False) is not None else "fsspec"
