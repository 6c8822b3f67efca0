"""What the pages name is there: commands and their options, hooks, codes, variables, packages."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from manual.blocks import commands, parse
from manual.pages import DOCS, ROOT, name_of, written
from manual.reference import errors, http, settings, variables

from mlem.cli.main import CONTEXT_SETTINGS, cli
from mlem.project.config import Config, HooksSection
from mlem_model.errors import MlemError
from mlem_model.objects.fields import describe_fields
from mlem_model.plugins.registry import KINDS, registry
from mlem_server.options import parser

PAGES = [*written(), *sorted((ROOT / "packages").glob("*/README.md"))]
KINDS_OF_OPTIONS = ("env", "deployment", "state_manager", "builder")
PACKAGE = r"\b(mlem-(?:core|model|server|image|state-\w+|provider-\w+|heroku-\w+))(?:\[(\w+)\])?"
EXAMPLES = {
    "mlem-provider-things",
    "mlem-provider-folder",
    "mlem-provider-nimbus",
    "mlem-provider-X",
    "mlem-state-cumulus",
}
ENDS = {"&&", "||", "|", ";", ">", "<", "2>", ">>", "&"}


def fields() -> set[str]:
    """The fields of every type, which are options of commands that name a type."""
    return {
        field.name.split(".")[0]
        for kind in KINDS_OF_OPTIONS
        for cls in registry().all(kind).values()
        for field in describe_fields(cls)
    } | {field.name.rpartition(".")[2] for cls in registry().all("env").values() for field in describe_fields(cls)}


def typed(path: Path) -> Iterator[list[str]]:
    """The calls of ours among the commands of a page, as words."""
    for block in parse(path.read_text(encoding="utf-8")).blocks:
        for command in commands(block) if block.language == "console" else ():
            lexer = shlex.shlex(command.line, posix=True, punctuation_chars="|&;<>")
            lexer.whitespace_split, lexer.commenters = True, "#"
            call: list[str] = []
            for word in [*lexer, ";"]:
                if word in ENDS:
                    if call and call[0] in ("mlem", "mlem-server"):
                        yield call
                    call = []
                elif call or "=" not in word:
                    call.append(word)


def below(command: click.Command, context: click.Context, word: str) -> click.Command | None:
    """The command of a group, or None: names of deployments stand where types do."""
    try:
        return command.get_command(context, word) if isinstance(command, click.Group) else None
    except MlemError:
        return None


def unknown_option(call: list[str]) -> str:
    """The first option of a call that the command does not have; empty where it has all."""
    known, command, context = set[str](), cli, click.Context(cli, info_name="mlem", **CONTEXT_SETTINGS)
    if call[1:2] == ["apply"]:
        return ""  # its options are the method's arguments
    words = iter(call[1:])
    for word in words:
        if word == "--":
            break
        if word == "--pip_arguments":
            next(words)  # an option of pip
            continue
        if not word.startswith("-"):
            child = below(command, context, word)
            if child is not None:
                command, context = child, click.Context(child, info_name=word, parent=context, **CONTEXT_SETTINGS)
            continue
        known = {option for param in command.get_params(context) for option in (*param.opts, *param.secondary_opts)}
        name = word.partition("=")[0]
        plain = name.lstrip("-").replace("-", "_")
        alike = (
            {one.lstrip("-").replace("-", "_") for one in known} | fields() | {"traceback", "help", "schema", "json"}
        )
        if name not in known and plain not in alike and plain.partition(".")[0] not in alike:
            return word
    return ""


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_command_and_option_that_a_page_types_is_there(path: Path) -> None:
    calls = list(typed(path))
    servers = {option for action in parser()._actions for option in action.option_strings}
    assert [call for call in calls if call[0] == "mlem" and unknown_option(call)] == []
    assert [
        word for call in calls if call[0] == "mlem-server" for word in call if word[:2] == "--" and word not in servers
    ] == []
    groups = {name: cli.get_command(click.Context(cli), name) for name in cli.list_commands(click.Context(cli))}
    assert [call for call in calls if call[0] == "mlem" and call[1] not in groups and call[1][0] != "-"] == []


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("mlem deployment run --load a --alter-older", "--alter-older"),
        ("mlem deployment run docker a --model b --prot 8080", "--prot"),
        ("mlem deployment run docker a --model b --port 8080 --environment.DEBUG 1", ""),
        ("mlem deployment exec a -- ls --anything", ""),
    ],
)
def test_an_option_that_is_gone_is_found(line: str, option: str) -> None:
    assert unknown_option(line.split()) == option


def test_the_page_about_the_server_has_every_option_and_no_other() -> None:
    page = (DOCS / "how-to" / "serve.md").read_text(encoding="utf-8")
    table = page[page.index("## Options") : page.index("Options that tune the server may be variables")]
    limits = page[page.index("## Limits") : page.index("Each 503 and 429")]
    named = set(re.findall(r"`(--[a-z][a-z0-9-]+)`", table + limits))
    has = {option for action in parser()._actions for option in action.option_strings} - {"-h", "--help", "--version"}
    hidden = {
        option for action in parser()._actions if action.help == "==SUPPRESS==" for option in action.option_strings
    }
    assert named == has - hidden


def test_the_page_about_hooks_of_a_project_has_each_of_them() -> None:
    page = (DOCS / "how-to" / "operate.md").read_text(encoding="utf-8")
    named = set(
        re.findall(r"(?m)^\| `(\w+)` \| .* \| .* \|$", page[page.index("## Hooks") : page.index("What serves is")])
    )
    assert named == {name for name in HooksSection.model_fields if name != "timeout_s"}


def test_every_code_in_brackets_or_in_a_table_of_failures_is_one_that_is_raised() -> None:
    known = {*errors.codes(), *(code.strip() for names, _, _ in errors.statuses() for code in names.split(","))}
    for path in PAGES:
        page = path.read_text(encoding="utf-8")
        named = set(re.findall(r"error\[([a-z-]+)\]", page))
        for table in re.findall(r"(?m)^\| (?:you see|error) \|.*\n\|[-|]+\n((?:\|.*\n)+)", page):
            rows = [row.split("|")[1] for row in table.splitlines()]
            named |= {code for row in rows for code in re.findall(r"`([a-z]+(?:-[a-z0-9]+)+)`", row)}
        assert (name_of(path), named - known) == (name_of(path), set())


def test_every_exit_code_is_the_one_that_the_errors_have() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    named = {int(code) for code in re.findall(r"(?m)^\| (\d+) \| .* \|$", page)}
    assert named == set(errors.DO_NEXT)
    assert {code for one in errors.codes().values() for code in one.exits} <= named


def test_every_variable_of_ours_that_a_page_names_is_read_by_the_code() -> None:
    code = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "packages").glob("*/src/**/*.py"))
    options = {
        f"MLEM_SERVER_{option[2:].upper().replace('-', '_')}"
        for action in parser()._actions
        for option in action.option_strings
    }
    keys = {f"MLEM_{field.name.upper().replace('.', '__')}" for field in describe_fields(Config)}
    for path in PAGES:
        named = set(re.findall(r"\b_?MLEM_[A-Z0-9_]+[A-Z0-9]\b", path.read_text(encoding="utf-8")))
        unread = {
            name
            for name in named - options - keys
            if name not in code and name.removeprefix("MLEM_").lower() not in code
        }
        assert (name_of(path), unread) == (name_of(path), set())


def test_a_variable_without_a_meaning_fails_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(settings.variables()) == {*variables.MEANINGS, *variables.OF_OTHERS}
    monkeypatch.delitem(variables.MEANINGS, "MLEM_TOKEN")
    with pytest.raises(LookupError, match="MLEM_TOKEN"):
        settings.variables_page()


def test_a_path_of_the_server_without_a_meaning_fails_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(http.MEANINGS, "/readyz")
    with pytest.raises(KeyError, match="readyz"):
        http.http_page()


def test_each_metric_on_the_page_about_serving_is_one_that_is_reported() -> None:
    page = (DOCS / "how-to" / "serve.md").read_text(encoding="utf-8")
    table = page[page.index("## Metrics") : page.index("## Logs and traces")]
    named = set(re.findall(r"`(mlem_\w+)(?:\{[^`]*)?`", table))
    assert named == {f"{name}_total" if kind == "counter" else name for name, kind, _, _ in http.metrics()}


def test_every_package_that_a_page_installs_is_one_of_ours_or_known() -> None:
    ours = {
        tomllib.loads(path.read_text())["project"]["name"]: tomllib.loads(path.read_text())["project"]
        for path in (ROOT / "packages").glob("*/pyproject.toml")
    }
    for path in PAGES:
        for name, extra in re.findall(
            r"\b(mlem-(?:core|model|server|image|state-\w+|provider-\w+|heroku-\w+))(?:\[(\w+)\])?", path.read_text()
        ):
            if name in ("mlem-provider-things", "mlem-provider-folder", "mlem-provider-nimbus", "mlem-state-cumulus"):
                continue
            assert name in ours, f"{name_of(path)}: {name}"
            assert not extra or extra in ours[name].get("optional-dependencies", {}), (
                f"{name_of(path)}: {name}[{extra}]"
            )


def test_every_kind_of_type_is_on_its_page() -> None:
    from manual.reference.types import types_page

    assert set(re.findall(r"(?m)^## (.+)$", types_page())) == {kind.replace("_", " ") for kind in KINDS}
