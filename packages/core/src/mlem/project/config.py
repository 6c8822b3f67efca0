"""The configuration: a project's ``.mlem.yaml``, overridden by environment variables, with defaults. Read when used."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, ConfigDict, Field, field_validator

from mlem.project.project import read_config_file
from mlem.project.yaml_update import update_file
from mlem_model.artifacts.trust import Trust, words
from mlem_model.errors import DeclarationError, NotFoundError, UserError
from mlem_model.legacy.fields import OF_04, is_settings_04
from mlem_model.objects.fields import Unit, describe_fields
from mlem_model.objects.object import Value
from mlem_model.objects.project_root import CONFIG_NAME
from mlem_model.objects.validation import did_you_mean, validate

ENVIRONMENT_PREFIX = "MLEM_"
Origin = Literal["default", "project", "environment"]


class StateSection(Value):
    """Where states are kept, for every deployment of the project that does not say otherwise."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str | None = Field(default=None, description="state manager type (default: follows from the URI)")
    uri: str | None = Field(default=None, description="folder or bucket for states (default: beside the declarations)")
    lock_timeout_s: Annotated[float, Field(ge=0), Unit("s")] = Field(
        default=600.0, description="how long a run waits for another one's lock"
    )


HookPoint = Literal["before-build", "after-build", "before-release", "after-gate", "on-failure"]
"""Where a run calls commands of the project: see `HooksSection`."""


def _commands(given: Any) -> Any:
    """Take one command for a list of one, and split those that are one text, as a shell does."""
    commands = given if isinstance(given, list) else [given]
    split = [shlex.split(command) if isinstance(command, str) else command for command in commands]
    if not all(split):
        raise ValueError("expected a command, met nothing")
    return split


Commands = Annotated[list[list[str]], BeforeValidator(_commands)]


class HooksSection(Value):
    """Commands of the project that a run calls; no shell is between, unless a command is one: ``sh -c "..."``."""

    before_build: Commands = Field(default=[], description="commands before the first resource is changed")
    after_build: Commands = Field(default=[], description="commands when all is made but what serves")
    before_release: Commands = Field(default=[], description="commands before callers may get the new release")
    after_gate: Commands = Field(default=[], description="commands when the new release has passed the gate")
    on_failure: Commands = Field(default=[], description="commands after a run that failed")
    timeout_s: Annotated[float, Field(gt=0), Unit("s")] = Field(default=600.0, description="how long each may take")

    def commands(self, point: HookPoint) -> Sequence[Sequence[str]]:
        """Return the commands of a point."""
        found: Sequence[Sequence[str]] = getattr(self, point.replace("-", "_"))
        return found


class SaveSection(Value):
    """How models are saved."""

    formats: tuple[str, ...] = Field(
        default=(),
        description="formats that are taken before others where they can hold a model, for example [skops] "
        "(default: the format of its framework, and pickle for scikit-learn)",
    )

    @field_validator("formats", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return words(value) if isinstance(value, str) else value


class ImagesSection(Value):
    """How images are made."""

    builder: str | None = Field(
        default=None,
        pattern=r"^[a-z][a-z0-9_-]*$",
        description="what makes the images of deployments that do not say so: image, without Docker, or engine, a "
        "Docker Engine (default: the platform's)",
    )


class CoreSection(Value):
    """Settings of the core."""

    state: StateSection = Field(default=StateSection(), description="where states are kept")
    trust: Trust = Field(default=Trust(), description="what may be deployed and loaded")
    save: SaveSection = Field(default=SaveSection(), description="how models are saved")
    images: ImagesSection = Field(default=ImagesSection(), description="how images are made")
    hooks: HooksSection = Field(default=HooksSection(), description="commands that a run calls")


class ProjectSection(Value):
    """What the project is."""

    id: str = Field(default="", description="identifies the project in a shared state store; made by mlem init")


class Config(Value):
    """All settings."""

    core: CoreSection = CoreSection()
    project: ProjectSection = ProjectSection()


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        key: Dotted name: ``core.state.uri``.
        value: Its value.
        origin: Where the value comes from.
        source: The file or the variable.
    """

    key: str
    value: Any
    origin: Origin
    source: str = ""


def load_config(root: Path) -> Config:
    """Read the settings of a project.

    Args:
        root: The project's folder; without ``.mlem.yaml``, defaults and the environment hold.

    Raises:
        DeclarationError: The file or a variable has a setting that does not exist or does not fit.
    """
    content = read_config_file(root)
    try:
        config = validate(Config, content, CONFIG_NAME)
    except DeclarationError as error:
        if not is_settings_04(content):
            raise
        hint = "mlem migrate keeps the settings of MLEM 0.4 that still exist"
        raise DeclarationError(error.message, code=OF_04, known=error.known, hint=hint) from error
    data = config.model_dump(exclude_unset=True)
    overrides = dict(_from_environment())
    if not overrides:
        return config
    for key, (_, text) in overrides.items():
        _put(data, key.split("."), _parse(text))
    return validate(
        Config,
        data,
        f"{CONFIG_NAME} and the environment ({', '.join(sorted(variable for variable, _ in overrides.values()))})",
    )


def settings(root: Path) -> list[Setting]:
    """Return every setting with its origin: the declared ones, and those that the state manager's own fields add."""
    config = load_config(root)
    from_file = dict(_flatten(read_config_file(root)))
    from_environment = dict(_from_environment())
    keys = [field.name for field in describe_fields(Config)]
    found = []
    for key in dict.fromkeys([*keys, *from_file, *from_environment]):
        value = _get(config.model_dump(mode="json"), key.split("."))
        if key in from_environment:
            found.append(Setting(key, value, "environment", from_environment[key][0]))
        elif key in from_file:
            found.append(Setting(key, value, "project", str(root / CONFIG_NAME)))
        else:
            found.append(Setting(key, value, "default"))
    return found


def get_setting(root: Path, key: str) -> Setting:
    """Return one setting.

    Raises:
        NotFoundError: There is no such setting.
    """
    everything = {setting.key: setting for setting in settings(root)}
    if key not in everything:
        raise NotFoundError(
            f'no setting "{key}"',
            code="unknown-setting",
            known=sorted(everything),
            hint=did_you_mean(key, sorted(everything)),
        )
    return everything[key]


def set_setting(root: Path, key: str, text: str) -> Setting:
    """Write one setting to the project's file, once it fits.

    Args:
        root: The project's folder.
        key: Dotted name.
        text: The value as typed: YAML, so ``5`` is a number and ``[a, b]`` a list.

    Raises:
        UserError: The key names a section or nothing.
        DeclarationError: The value does not fit; nothing is written.
    """
    data, _ = _proposed(root, key, text)
    update_file(root / CONFIG_NAME, data)
    return get_setting(root, key)


def proposed_config(root: Path, key: str, text: str) -> Config:
    """Return what the settings of a project's file would be with one more; nothing is written.

    Raises:
        UserError: The key names a section or nothing.
        DeclarationError: The value does not fit.
    """
    return _proposed(root, key, text)[1]


def _proposed(root: Path, key: str, text: str) -> tuple[dict[str, Any], Config]:
    parts = key.split(".")
    if len(parts) < 2 or not all(parts):
        raise UserError(
            f'no setting "{key}"', code="unknown-setting", known=[field.name for field in describe_fields(Config)]
        )
    data = read_config_file(root)
    _put(data, parts, _parse(text))
    return data, validate(Config, data, f"{CONFIG_NAME} with {key}={text}")


def unset_setting(root: Path, key: str) -> bool:
    """Remove one setting from the project's file; return whether it was there."""
    data = read_config_file(root)
    *path, last = key.split(".")
    sections = [data]
    for part in path:
        inner = sections[-1].get(part)
        if not isinstance(inner, dict):
            return False
        sections.append(inner)
    if last not in sections[-1]:
        return False
    del sections[-1][last]
    for parent, part in reversed(list(zip(sections, path, strict=False))):
        if parent.get(part) == {}:
            del parent[part]
    update_file(root / CONFIG_NAME, data)
    return True


def _from_environment() -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield dotted key, variable and text of the settings in the environment: ``MLEM_CORE__STATE__URI``.

    An empty variable is ignored.
    """
    sections = {f"{ENVIRONMENT_PREFIX}{name.upper()}__" for name in Config.model_fields}
    for variable, text in sorted(os.environ.items()):
        if text and any(variable.startswith(section) for section in sections):
            yield variable.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", "."), (variable, text)


def _parse(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _put(data: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        inner = data.setdefault(part, {})
        if not isinstance(inner, dict):
            raise UserError(f'"{part}" is a setting, not a section', code="unknown-setting")
        data = inner
    data[path[-1]] = value


def _get(data: Any, path: list[str]) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, Mapping) else None
    return data


def _flatten(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
