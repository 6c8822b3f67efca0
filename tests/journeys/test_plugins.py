"""Plugins of strangers can't harm one another, nor us.

Installed distributions, and the command line as a user runs it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from plants import HEAD, PLUGIN, PROVIDER, Plants

GOOD = "mlem-provider-good"

AT_IMPORT = {
    "import sys; sys.exit(3)": "SystemExit: 3",
    "raise BaseException('no such thing')": "BaseException: no such thing",
    "raise GeneratorExit": "GeneratorExit",
    "class Odd(BaseException): pass\nraise Odd('odd')": "Odd: odd",
    "raise RuntimeError('two\\nlines')": "RuntimeError: two lines",
    "raise RuntimeError('long' * 1000)": f"RuntimeError: {'long' * 1000}"[:300] + "...",
    "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute": "Mute",
    "import no_such_module_anywhere": "ModuleNotFoundError: No module named 'no_such_module_anywhere'",
    "def (": "SyntaxError: invalid syntax (plugin.py, line 1)",
    "api_version = 99": "written for version 99 of the plugin interface, this mlem-core has 1",
    "def __getattr__(name): raise LookupError(name)": "LookupError: api_version",
    HEAD + "@hookimpl\ndef mlem_envz(): return []": "PluginValidationError: unknown hook 'mlem_envz' in plugin <module",
    HEAD + "@hookimpl\ndef mlem_envs(more): return []": "PluginValidationError: Plugin",
}
"""What a plugin's module may be, and how its problem begins."""

ENV = (
    "from mlem import Env\n    from pydantic import Field\n    from typing import ClassVar\n    class E(Env):\n        "
)
IN_HOOK = {
    "raise SystemExit('bye')": "SystemExit: bye",
    "raise BaseException": "BaseException",
    "import no_such_module_anywhere": "ModuleNotFoundError: No module named 'no_such_module_anywhere'",
    "return None": "mlem_envs returned an object of the type NoneType, expected a list of classes",
    "return 'thing'": "mlem_envs returned an object of the type str, expected a list of classes",
    "return {'thing': object}": "mlem_envs returned an object of the type dict, expected a list of classes",
    "yield object": "mlem_envs returned an object of the type generator, expected a list of classes",
    "return dict": "mlem_envs returned an object of the type type, expected a list of classes",
    "return [42]": "mlem_envs: an object of the type int is not a class",
    "from PACKAGE.things import ThingEnv\n    return [ThingEnv()]": (
        "mlem_envs: an object of the type ThingEnv is not a class"
    ),
    "return [dict]": "mlem_envs: dict is not a subclass of mlem.Env",
    "from PACKAGE.things import ThingApp\n    return [ThingApp]": "mlem_envs: ThingApp is not a subclass of mlem.Env",
    f"{ENV}pass\n    return [E]": (
        "mlem_envs: mlem_envs.<locals>.E has no type: expected a class attribute, type: ClassVar[str]"
    ),
    f"{ENV}type: str = 'e'\n    return [E]": "mlem_envs: mlem_envs.<locals>.E has no type: expected a class attribute",
    f"{ENV}type: ClassVar = 5\n    return [E]": (
        "mlem_envs: mlem_envs.<locals>.E has no type: expected a class attribute"
    ),
    f"{ENV}type: ClassVar = 'a b'\n    return [E]": (
        'mlem_envs: mlem_envs.<locals>.E has the type "a b": expected letters'
    ),
    f"{ENV}type: ClassVar = 'e'\n        port: int = Field(default_factory=lambda: 1 // 0)\n    return [E]": (
        "mlem_envs: mlem_envs.<locals>.E: a default can't be made: "
        "ZeroDivisionError: integer division or modulo by zero"
    ),
    f"{ENV}type: ClassVar = 'e'\n        port: int = Field(default_factory=exit)\n    return [E]": (
        "mlem_envs: mlem_envs.<locals>.E: a default can't be made: SystemExit"
    ),
    f"{ENV}type: ClassVar = 'e'\n        object_type: str = 'x'\n    return [E]": (
        "mlem_envs: mlem_envs.<locals>.E has a field object_type"
    ),
    f"{ENV}type: ClassVar = 'e'\n    class F(Env): type: ClassVar = 'e'\n    return [E, F]": (
        'mlem_envs: two of its classes have the type "e"'
    ),
}
"""What a hook may do, and how its problem begins."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mlem.testing import Project

    made = Project.make(tmp_path_factory.mktemp("model"))
    made.save("double", 2.0)
    return made.folder


@pytest.fixture
def site(plants: Plants, model: Path) -> Plants:
    """A provider that works, beside a model to deploy."""
    for path in model.glob("double*"):
        (plants.project.folder / path.name).write_bytes(path.read_bytes())
    plants.provider(GOOD, "good")
    return plants


def plugin_row(site: Plants, distribution: str) -> dict[str, object]:
    (row,) = [row for row in site.project.json("plugins") if row["distribution"] == f"{distribution} 1.0"]
    return dict(row)


def expect_broken(site: Plants, expected: dict[str, str]) -> None:
    """Everything but the plugins works, and each is told with its distribution."""
    problems = {row["distribution"]: row["problem"] for row in site.project.json("plugins") if row["problem"]}
    assert {name: problem[: len(expected.get(name, ""))] for name, problem in problems.items()} == expected
    types = site.project.mlem("types", "--output", "json")
    assert (types.returncode, {"good", "local", "docker"} <= {*json.loads(types.stdout)["env"]}) == (0, True), (
        types.stderr
    )
    assert "good_app" in site.project.mlem("types", "deployment").stdout.splitlines()
    doctor = site.project.mlem("doctor")
    assert (doctor.returncode, [name for name in expected if f"of {name}: " not in doctor.stdout]) == (3, [])
    declared = site.project.mlem("declare", "env", "good", "place")
    assert (declared.returncode, declared.stderr) == (0, ""), declared.stderr
    run = site.project.run("local", "app", "double")
    site.project.mlem("deployment", "remove", "app")
    assert run.returncode == 0, run.stderr
    assert site.project.mlem("--help").returncode == 0


def test_a_plugin_that_fails_at_import_is_one_broken_plugin(site: Plants) -> None:
    for number, source in enumerate(AT_IMPORT):
        site.install(f"mlem-provider-bad{number}", source)
    expect_broken(
        site, {f"mlem-provider-bad{number} 1.0": problem for number, problem in enumerate(AT_IMPORT.values())}
    )


def test_a_hook_that_gives_what_it_should_not_is_one_broken_plugin(site: Plants) -> None:
    for number, body in enumerate(IN_HOOK):
        hook = f"\n@hookimpl\ndef mlem_envs():\n    {body}\n"
        site.install(f"mlem-provider-bad{number}", HEAD + hook, things=PROVIDER.replace("TYPE", f"thing{number}"))
    expect_broken(site, {f"mlem-provider-bad{number} 1.0": problem for number, problem in enumerate(IN_HOOK.values())})


def test_an_abstract_class_is_told_with_what_it_lacks(site: Plants) -> None:
    body = """
@hookimpl
def mlem_deployments():
    from mlem import Deployment
    class D(Deployment): pass
    D.type = "d"
    return [D]
"""
    site.install("mlem-provider-bad", HEAD + body)
    row = plugin_row(site, "mlem-provider-bad")
    assert "D is abstract: it lacks client, logs, status, steps" in str(row["problem"])


@pytest.mark.parametrize("raised", ["ValueError('not mine')", "SystemExit(3)", "BaseException()"])
def test_a_model_type_whose_matches_raises_does_not_stop_saving(site: Plants, raised: str) -> None:
    body = f"""
@hookimpl
def mlem_model_types():
    from mlem import ModelType
    class Bad(ModelType):
        type = "bad"
        @classmethod
        def matches(cls, obj): raise {raised}
        @classmethod
        def methods(cls, obj): return {{}}
    return [Bad]
"""
    site.install("mlem-provider-bad", HEAD + body)
    done = site.project.python("-c", "import mlem.api; mlem.api.save(lambda x: x, 'm', sample_data=[1.0])")
    assert done.returncode == 0, done.stderr
    assert "matches raises" in str(plugin_row(site, "mlem-provider-bad")["problem"])


def test_the_good_classes_of_a_plugin_with_a_bad_one_are_used(site: Plants) -> None:
    plugin = PLUGIN.replace("return [ThingEnv]", "return [ThingEnv, 42]")
    site.install("mlem-provider-half", plugin, things=PROVIDER.replace("TYPE", "half"))
    row = plugin_row(site, "mlem-provider-half")
    assert row["types"] == {"env": ["half"], "deployment": ["half_app"]}
    assert row["problem"] == "mlem_envs: an object of the type int is not a class"


def test_what_plugins_print_while_they_are_imported_goes_to_stderr(site: Plants) -> None:
    noise = "import os, sys\nprint('printed')\nos.system('echo of a program')\nsys.__stdout__.write('written')\n"
    site.install("mlem-provider-loud", noise + PLUGIN, things=noise + PROVIDER.replace("TYPE", "loud"))
    for command in (["types"], ["plugins"], ["doctor"], ["declare", "env", "loud", "place"], ["deployment", "list"]):
        done = site.project.mlem(*command, "--output", "json")
        assert (done.returncode, json.loads(done.stdout) is not None) == (0, True), done.stderr
    noisy = site.project.mlem("types")
    assert "printed" not in noisy.stdout
    assert all(word in noisy.stderr for word in ("printed", "of a program", "written"))


def test_what_a_provider_prints_in_a_run_goes_to_stderr(site: Plants) -> None:
    head = "def failing(ctx: Any, where: str) -> None:\n"
    loud = PROVIDER.replace("TYPE", "loud").replace(head, f"{head}    print('printed in', where)\n")
    site.install("mlem-provider-loud", PLUGIN, things=loud)
    site.project.mlem("declare", "deployment", "loud", "app", "--model", "double")
    plan = site.project.mlem("deployment", "plan", "app", "--output", "json")
    assert (plan.returncode, json.loads(plan.stdout) is not None, "printed in wanted" in plan.stderr) == (
        0,
        True,
        True,
    ), plan.stderr
    run = site.project.mlem("deployment", "run", "--load", "app", "--output", "json")
    assert (json.loads(run.stdout)["error"]["code"], "printed in apply" in run.stderr) == ("gate-failed", True), (
        run.stderr
    )
    status = site.project.mlem("deployment", "status", "app", "--output", "json")
    assert (json.loads(status.stdout)["status"], "printed in status" in status.stderr) == ("crashed", True)


@pytest.mark.parametrize("how", ["KeyError('x')", "SystemExit(3)"])
def test_a_validator_that_raises_is_the_plugins_fault(site: Plants, how: str) -> None:
    check = f"""
    port: int = 1

    @field_validator("port")
    @classmethod
    def check(cls, value):
        raise {how}
"""
    things = "from pydantic import field_validator\n" + PROVIDER.replace(
        'deployment_type: ClassVar[str] = "TYPE_app"', 'deployment_type: ClassVar[str] = "TYPE_app"' + check
    ).replace("TYPE", "thing")
    site.install("mlem-provider-thing", PLUGIN, things=things)
    done = site.project.mlem("declare", "env", "thing", "t", "--port", "5")
    assert (done.returncode, 'error[plugin-failed]: env type "thing" failed in ' in done.stderr) == (3, True), (
        done.stderr
    )
    assert not (site.project.folder / "t.mlem").exists()


def test_a_schema_that_can_not_be_made_is_the_plugins_fault(site: Plants) -> None:
    line = 'deployment_type: ClassVar[str] = "TYPE_app"'
    odd = (
        f"{line}\n    model_config = ConfigDict(arbitrary_types_allowed=True)\n"
        "    odd: HttpClient.__class__ | None = None"
    )
    things = "from pydantic import ConfigDict\n" + PROVIDER.replace(line, odd).replace("TYPE", "thing")
    site.install("mlem-provider-thing", PLUGIN, things=things)
    assert site.project.mlem("types", "env", "thing").returncode == 0
    done = site.project.mlem("types", "env", "thing", "--schema")
    assert (done.returncode, "error[plugin-failed]: env type" in done.stderr) == (3, True), done.stderr


def test_plugins_are_told_with_the_time_that_they_take(site: Plants) -> None:
    site.install("mlem-provider-slow", "import time\ntime.sleep(0.3)\n")
    times = {row["name"]: row["import_s"] for row in site.project.json("plugins")}
    assert times["slow"] >= 0.3
    assert all(time_s > 0 for time_s in times.values())
    (line,) = [line for line in site.project.mlem("plugins").stdout.splitlines() if line.startswith("slow")]
    assert line.split()[4] == "ms"


def hanging(folder: Path) -> str:
    """A plugin that notes its import, and then hangs until somebody ends it."""
    return f"import pathlib, time\npathlib.Path({str(folder / 'asked')!r}).touch()\ntime.sleep(600)\n"


@pytest.mark.parametrize(
    "command",
    [
        ["deployment", "run", "local", "app", "--model", "double"],
        ["deployment", "run", "local_process", "app", "--model", "double"],
        ["deployment", "run", "docker", "--help"],
        ["deployment", "run", "good", "--help"],
        ["deployment", "run", "good_app", "--help"],
        ["declare", "env", "good", "place"],
        ["declare", "deployment", "local", "app", "--model", "double"],
        ["declare", "deployment", "app", "--env", "local", "--model", "double"],
        ["apply", "double", "[1.0]"],
        ["types", "env", "heroku"],
        ["types", "deployment", "docker"],
        ["types", "builder", "docker_dir"],
        ["types", "state_manager", "s3"],
        ["config", "set", "core.state.uri", "SHARED"],
    ],
    ids=" ".join,
)
def test_a_word_is_not_asked_of_plugins_that_can_not_know_it(site: Plants, command: list[str]) -> None:
    site.install("mlem-provider-hanging", hanging(site.folder), name="aaa")
    shared = f"file://{site.folder.parent}/shared"
    done = site.project.mlem(*[shared if word == "SHARED" else word for word in command], timeout_s=120)
    if command[1:3] == ["run", "local"] or command[1:3] == ["run", "local_process"]:
        site.project.mlem("deployment", "remove", "app")
    assert done.returncode == 0, done.stderr
    assert not (site.folder / "asked").exists()


def test_a_plugin_of_another_name_than_its_types_is_found_too(site: Plants) -> None:
    site.provider("mlem-provider-box", "carton", name="box")
    assert site.project.mlem("types", "env", "carton").returncode == 0
    assert site.project.mlem("declare", "deployment", "carton", "app", "--model", "double").returncode == 0


@pytest.mark.parametrize("word", ["bad", "mlem-provider-bad", "MLEM_Provider.Bad", "nothing, bad ,", "*", "all"])
def test_plugins_are_switched_off(site: Plants, word: str) -> None:
    site.install("mlem-provider-bad", hanging(site.folder))
    site.project.environment["MLEM_DISABLE_PLUGINS"] = word  # type: ignore[index]  # the fixture made a dict
    rows = {row["name"]: row for row in site.project.json("plugins")}
    assert (rows["bad"]["off"], rows["bad"]["types"], rows["local"]["off"]) == (True, {}, False)
    assert rows["good"]["off"] is (word in ("*", "all"))
    assert site.project.mlem("doctor").returncode == 0
    assert not (site.folder / "asked").exists()


def test_ours_are_switched_off_by_name_but_for_the_core(site: Plants) -> None:
    site.project.environment["MLEM_DISABLE_PLUGINS"] = "docker,core"  # type: ignore[index]  # the fixture made a dict
    found = site.project.json("types")
    assert ("docker" in found["env"], "local" in found["state_manager"]) == (False, True)
    done = site.project.mlem("declare", "env", "docker", "d")
    assert (done.returncode, "is switched off" in done.stderr, "MLEM_DISABLE_PLUGINS" in done.stderr) == (
        3,
        True,
        True,
    ), done.stderr


THIEF = PROVIDER.replace('= "TYPE_app"', '= "local_process"').replace('= "TYPE"', '= "docker"')


@pytest.mark.parametrize("name", ["loc", "local", "aaa", "docker"])
def test_a_word_of_ours_stays_ours_and_the_clash_is_told(site: Plants, name: str) -> None:
    site.install("mlem-provider-thief", PLUGIN, things=THIEF, name=name)
    before = site.project.mlem("types", "deployment", "local_process").stdout
    assert "A detached server process" in before
    done = site.project.mlem("deployment", "run", "local", "app", "--model", "double")
    removed = site.project.mlem("deployment", "remove", "app")
    assert (done.returncode, removed.returncode) == (0, 0), done.stderr + removed.stderr
    told = 'deployment type "local_process" of mlem-provider-thief 1.0: the word means mlem-provider-local'
    types, plugins, doctor = (site.project.mlem(command) for command in ("types", "plugins", "doctor"))
    assert (types.returncode, plugins.returncode, doctor.returncode) == (0, 0, 0)
    assert [told in text for text in (types.stderr, plugins.stdout, doctor.stdout)] == [True, True, True]
    assert {"local_process", "mlem-provider-thief:local_process"} <= {*site.project.json("types")["deployment"]}
    assert ('have the same name, "' in plugins.stdout) is (name in ("local", "docker"))


def test_a_word_of_ours_that_is_not_installed_is_nobody_elses(site: Plants) -> None:
    site.project.environment["MLEM_DISABLE_PLUGINS"] = "mlem-provider-heroku"  # type: ignore[index]  # the fixture made a dict
    site.provider("mlem-provider-thief", "heroku", name="heroku")
    done = site.project.mlem("declare", "env", "heroku", "h")
    assert (done.returncode, "is switched off" in done.stderr) == (3, True), done.stderr


def test_a_type_is_chosen_by_its_distribution(site: Plants) -> None:
    site.install("mlem-provider-thief", PLUGIN, things=THIEF, name="loc")
    declared = site.project.mlem(
        "declare", "deployment", "mlem-provider-thief:local_process", "app", "--model", "double", "--fails", "x"
    )
    assert declared.returncode == 0, declared.stderr
    content = yaml.safe_load((site.project.folder / "app.mlem").read_text())
    assert (content["type"], content["made_by"]) == ("local_process", "mlem-provider-thief 1.0")
    assert site.project.mlem("deployment", "status", "app").stdout == "not_deployed\n"
    run = site.project.mlem("deployment", "run", "--load", "app")
    assert (run.returncode, "things never run" in run.stderr) == (8, True), run.stderr
    assert site.project.mlem("deployment", "remove", "app").returncode == 0


def test_a_word_of_two_strangers_is_neithers(site: Plants) -> None:
    site.provider("mlem-provider-one", "thing")
    site.provider("mlem-provider-two", "thing")
    done = site.project.mlem("declare", "env", "thing", "t")
    assert (done.returncode, "mlem-provider-one 1.0 and mlem-provider-two 1.0" in done.stderr) == (3, True), done.stderr
    assert site.project.json("types")["env"][-2:] == ["mlem-provider-one:thing", "mlem-provider-two:thing"]
    doctor = site.project.mlem("doctor")
    assert (
        doctor.returncode,
        'env type "thing" is provided by mlem-provider-one 1.0 and mlem-provider-two 1.0' in doctor.stdout,
    ) == (3, True)
    chosen = site.project.mlem("declare", "env", "mlem-provider-two:thing", "t")
    assert (chosen.returncode, yaml.safe_load((site.project.folder / "t.mlem").read_text())["made_by"]) == (
        0,
        "mlem-provider-two 1.0",
    )
    deployed = site.project.mlem("declare", "deployment", "app", "--env", "t", "--model", "double")
    assert deployed.returncode == 0, deployed.stderr
    assert yaml.safe_load((site.project.folder / "app.mlem").read_text())["made_by"] == "mlem-provider-two 1.0"


def uninstall(site: Plants, distribution: str) -> None:
    for path in site.folder.glob(f"{distribution.replace('-', '_')}-*.dist-info/*"):
        path.unlink()


def test_a_type_whose_distribution_is_gone_is_told_with_it(site: Plants) -> None:
    site.project.mlem("deployment", "run", "good", "app", "--model", "double")
    declaration = site.project.folder / "app.mlem"
    assert yaml.safe_load(declaration.read_text())["made_by"] == f"{GOOD} 1.0"
    uninstall(site, GOOD)
    for command in (["status", "app"], ["run", "--load", "app"], ["remove", "app"], ["logs", "app"]):
        done = site.project.mlem("deployment", *command)
        assert (done.returncode, done.stderr.splitlines()[0]) == (
            3,
            f'error[not-installed]: deployment type "good_app" is not installed (written by {GOOD} 1.0)',
        )
        assert f"hint: pip install {GOOD}" in done.stderr
    # A declaration that was written by hand says nothing; the state does.
    content = yaml.safe_load(declaration.read_text())
    del content["made_by"]
    declaration.write_text(yaml.safe_dump(content))
    done = site.project.mlem("deployment", "status", "app")
    assert (done.returncode, f"hint: pip install {GOOD}" in done.stderr) == (3, True), done.stderr


def test_an_env_whose_distribution_is_gone_is_told_with_it(site: Plants) -> None:
    site.project.mlem("declare", "env", "good", "place")
    uninstall(site, GOOD)
    done = site.project.python("-c", "import mlem.api; mlem.api.load('place')")
    assert f'env type "good" is not installed (written by {GOOD} 1.0)' in done.stderr


def test_our_own_declarations_need_no_maker(site: Plants) -> None:
    site.project.mlem("declare", "env", "docker", "engine")
    assert "made_by" not in (site.project.folder / "engine.mlem").read_text()


def test_a_distribution_with_odd_metadata_is_one_broken_plugin(site: Plants) -> None:
    folder = (
        site.folder / "mlem_odd-2.dist-info"
    )  # without a file METADATA, and with an entry point that names no module
    folder.mkdir()
    (folder / "entry_points.txt").write_text("[mlem]\nodd = not an : entry\n")
    rows = site.project.json("plugins")
    assert [row["distribution"] for row in rows if row["problem"]] == ["mlem_odd 2"]
    assert {"good", "local"} <= {*site.project.json("types")["env"]}


def test_a_model_type_whose_matches_raises_for_some_objects_is_passed_over(site: Plants) -> None:
    body = """
@hookimpl
def mlem_model_types():
    from mlem import ModelType
    class Picky(ModelType):
        type = "picky"
        @classmethod
        def matches(cls, obj): return obj.no_such_attribute if callable(obj) else False
        @classmethod
        def methods(cls, obj): return {}
    return [Picky]
"""
    site.install("mlem-provider-picky", HEAD + body)
    done = site.project.python(
        "-c", "import mlem.api; print(mlem.api.save(lambda x: x, 'm', sample_data=[1.0]).model_type)"
    )
    assert (done.returncode, done.stdout) == (0, "callable\n"), done.stderr
    assert 'model type "picky" of mlem-provider-picky 1.0 is passed over: matches raised AttributeError' in done.stderr


@pytest.mark.parametrize("how", ["KeyError", "exit", "odd"])
@pytest.mark.parametrize("fails", ["steps", "wanted", "apply", "status"])
def test_what_a_provider_raises_in_a_run_is_told_with_where_and_whose(site: Plants, fails: str, how: str) -> None:
    done = site.project.mlem("deployment", "run", "good", "app", "--model", "double", "--fails", fails, "--how", how)
    raised = {"KeyError": "KeyError: 'port'", "exit": "SystemExit: 5", "odd": "Odd: neither here nor there"}[how]
    subject = 'step "disk" of ' if fails in ("wanted", "apply") else ""
    expected = f'error[plugin-failed]: {subject}deployment type "good_app" failed in {fails}: {raised} ({GOOD} 1.0)'
    assert (done.returncode, expected in done.stderr, "Traceback" in done.stderr) == (3, True, False), done.stderr


@pytest.mark.parametrize("fails", ["logs", "client", "status", "remove"])
def test_what_a_provider_raises_afterwards_is_told_with_where_and_whose(site: Plants, fails: str) -> None:
    run = site.project.mlem("deployment", "run", "good", "app", "--model", "double")
    assert run.returncode == 8, run.stderr
    declaration = site.project.folder / "app.mlem"
    declaration.write_text(declaration.read_text() + f"fails: {fails}\n")
    command = {"logs": ["logs"], "client": ["apply"], "status": ["status"], "remove": ["remove"]}[fails]
    given = ["[1.0]"] if fails == "client" else []
    done = site.project.mlem("deployment", *command, "app", *given)
    assert (done.returncode, "error[plugin-failed]" in done.stderr, f"failed in {fails}: KeyError" in done.stderr) == (
        3,
        True,
        True,
    ), done.stderr
    assert (f"({GOOD} 1.0)" in done.stderr, "Traceback" in done.stderr) == (True, False), done.stderr


def test_a_list_goes_on_after_a_provider_that_raises(site: Plants) -> None:
    for name in ("one", "two"):
        site.project.mlem("deployment", "run", "good", name, "--model", "double")
    with (site.project.folder / "one.mlem").open("a") as file:
        file.write("fails: status\nhow: exit\n")
    rows = {row["name"]: (row["status"], row["error"]) for row in site.project.json("deployment", "list")}
    assert rows["two"] == ("crashed", None)
    assert rows["one"][0] == "unknown"
    assert f"failed in status: SystemExit: 5 ({GOOD} 1.0)" in str(rows["one"][1])
    shown = site.project.mlem("deployment", "list", "--traceback")
    assert (shown.returncode, "Traceback" in shown.stderr, "in status" in shown.stderr) == (0, True, True)


@pytest.mark.parametrize("way", ["before", "after", "variable"])
def test_the_traceback_comes_when_it_is_asked_for(site: Plants, way: str) -> None:
    site.project.mlem("declare", "deployment", "good", "app", "--model", "double", "--fails", "apply")
    command = ["deployment", "run", "--load", "app"]
    if way == "variable":
        site.project.environment["MLEM_TRACEBACK"] = "1"  # type: ignore[index]  # the fixture made a dict
    given = ["--traceback", *command] if way == "before" else [*command, "--traceback"] if way == "after" else command
    done = site.project.mlem(*given)
    assert (done.returncode, "things.py" in done.stderr, "KeyError: 'port'" in done.stderr) == (3, True, True), (
        done.stderr
    )
    assert "error[plugin-failed]" in done.stderr.splitlines()[-2]


def test_a_plugins_own_traceback_is_shown_with_the_plugins(site: Plants) -> None:
    site.install("mlem-provider-bad", "def deep():\n    raise RuntimeError('down there')\ndeep()\n")
    done = site.project.mlem("plugins", "--traceback")
    assert (done.returncode, "in deep" in done.stderr, "RuntimeError: down there" in done.stderr) == (0, True, True), (
        done.stderr
    )


def test_four_threads_use_the_registry_first_at_once(site: Plants) -> None:
    script = """
import threading
from mlem_model.plugins.registry import registry
start, found = threading.Barrier(8), []
def ask(kind, word):
    start.wait()
    found.append(registry().get(kind, word).type)
wanted = [("deployment", "good_app"), ("env", "good"), ("deployment", "local_process"), ("env", "docker")] * 2
threads = [threading.Thread(target=ask, args=each) for each in wanted]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(sorted(found) == sorted(word for _, word in wanted))
"""
    slow = "import time\ntime.sleep(0.2)\n"  # between the first question and its answer
    site.install(GOOD, slow + PLUGIN, things=slow + PROVIDER.replace("TYPE", "good"))
    done = site.project.python("-c", script)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_threads_save_and_deploy_first_thing_in_a_process(site: Plants) -> None:
    script = """
import threading
import mlem.api
start, done = threading.Barrier(6), []
def work(number):
    start.wait()
    if number % 2:
        done.append(mlem.api.save(lambda x: x, f"m{number}", sample_data=[1.0]).model_type)
    else:
        handle = mlem.api.deploy("local", f"app{number}", model="double")
        done.append(handle.status().phase.value)
        handle.remove()
threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(sorted(done))
"""
    done = site.project.python("-c", script)
    assert done.stdout == f"{sorted(['callable', 'running'] * 3)}\n", done.stderr


def test_an_interrupt_while_a_plugin_is_imported_leaves_it_to_be_asked_again(site: Plants) -> None:
    once = f"""
import os, pathlib, signal
mark = pathlib.Path({str(site.folder / "once")!r})
if not mark.exists():
    mark.touch()
    os.kill(os.getpid(), signal.SIGINT)
    import time; time.sleep(60)
"""
    script = """
from mlem_model.plugins.registry import registry
try:
    registry().get("env", "good")
except KeyboardInterrupt:
    print("interrupted")
print(registry().get("env", "good").type)
"""
    for where in ("plugin", "things"):
        (site.folder / "once").unlink(missing_ok=True)
        plugin = once + PLUGIN if where == "plugin" else PLUGIN
        site.install(GOOD, plugin, things=(once if where == "things" else "") + PROVIDER.replace("TYPE", "good"))
        done = site.project.python("-B", "-c", script)
        assert done.stdout == "interrupted\ngood\n", done.stderr


def test_a_termination_while_a_plugin_is_imported_ends_the_command(site: Plants) -> None:
    site.install("mlem-provider-hanging", hanging(site.folder))
    process = subprocess.Popen(
        [sys.executable, "-m", "mlem.cli", "types"],
        cwd=site.project.folder,
        env={**os.environ, **site.project.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while not (site.folder / "asked").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
