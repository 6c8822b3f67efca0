"""The pages that are made from the code have all that the code has."""

from __future__ import annotations

import argparse
import re

from manual.reference.commands import commands_page, server_page
from manual.reference.errors import codes, errors_page
from manual.reference.plugins import hooks_page
from manual.reference.settings import settings_page
from manual.reference.sources import trees
from manual.reference.types import types_page

from mlem.project.config import Config
from mlem_model.objects.fields import describe_fields
from mlem_model.plugins.registry import registry
from mlem_server.options import parser


def test_every_code_that_is_written_in_the_sources_is_on_the_page_about_errors() -> None:
    written = {
        code
        for path, _ in trees()
        if "mlem_heroku_simulator" not in path.parts
        for code in re.findall(r'\bcode="([a-z-]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(written) > 200
    assert written - set(re.findall(r"`([a-z0-9-]+)`", errors_page())) == set()
    assert {code: one.exits for code, one in codes().items() if one.exits - {2, 3, 4, 5, 6, 7, 8, 9}} == {}


def test_every_command_and_each_of_its_options_is_on_the_page_about_commands() -> None:
    page = commands_page()
    for command in ("mlem deployment run", "mlem deployment state recover", "mlem build image", "mlem doctor"):
        assert f"\n## {command}\n" in page
    assert "--lock-timeout" in page
    shown = [action for action in parser()._actions if action.help != argparse.SUPPRESS]
    assert [option for action in shown for option in action.option_strings if option not in server_page()] == []


def test_every_field_of_every_type_is_on_the_page_about_types() -> None:
    page = types_page()
    for kind in ("env", "deployment", "state_manager", "builder"):
        for cls in registry().all(kind).values():
            if cls.__module__.startswith(("mlem.", "mlem_provider_docker", "mlem_provider_local", "mlem_state")):
                assert [field.name for field in describe_fields(cls) if f"| `{field.name}` |" not in page] == []


def test_every_setting_is_on_the_page_about_settings_and_every_hook_on_that_about_hooks() -> None:
    assert [field.name for field in describe_fields(Config) if f"| `{field.name}` |" not in settings_page()] == []
    assert set(re.findall(r"(?m)^\| `(mlem_\w+)` \|", hooks_page())) == {
        "mlem_builders", "mlem_clients", "mlem_data_types", "mlem_deployments", "mlem_envs", "mlem_model_types",
        "mlem_state_managers",
    }  # fmt: skip
