"""Heroku's own command on the simulator, and what mlem says of what somebody did with it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from waiting import wait_until

from mlem import Phase, Status
from mlem.testing import SAMPLE, DeploymentHandle, Project
from mlem_heroku_simulator import HerokuSimulator
from mlem_heroku_simulator.platform.app_state import AppState
from mlem_heroku_simulator.platform.offers import EMAIL

TIMEOUT_S = 120
HINT = "mlem deployment plan shows what differs, a run puts it right"


class Heroku:
    """The command, with the simulator in Heroku's place.

    Its telemetry and its look for updates are off; a second host that it asks about unpaid bills is the simulator too.

    Args:
        program: Where it is.
        simulator: The simulator.
        home: Its home folder, which it writes into.
        certificate: What ``heroku run`` has to trust; None where it can't be tried.
    """

    def __init__(self, program: str, simulator: HerokuSimulator, home: Path, certificate: Path | None) -> None:
        self.program, self.simulator, self.home = program, simulator, home
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TERM": "dumb",
            "NO_COLOR": "1",
            "HEROKU_API_KEY": os.environ["HEROKU_API_KEY"],
            "HEROKU_HOST": simulator.api.url,
            "HEROKU_PARTICLEBOARD_URL": simulator.api.url,
            "HEROKU_SKIP_NEW_VERSION_CHECK": "1",
            "HEROKU_DISABLE_AUTOUPDATE": "1",
            "DISABLE_TELEMETRY": "true",
            **({"NODE_EXTRA_CA_CERTS": str(certificate)} if certificate else {}),
        }
        (home / ".cache" / "heroku").mkdir(parents=True)
        (home / ".cache" / "heroku" / "terms-of-service").touch()  # else the first start speaks of them

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run it."""
        command = [self.program, *words]
        return subprocess.run(
            command,
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def out(self, line: str) -> str:
        """Run a line that has to be answered; return what it says."""
        done = self(*line.split())
        assert done.returncode == 0, f"heroku {line}: {done.stdout}{done.stderr}"
        return done.stdout

    def refusal(self, line: str) -> tuple[str, str]:
        """Run a line that has to be refused; return the error and its id."""
        done = self(*line.split())
        assert done.returncode != 0, f"heroku {line}: {done.stdout}{done.stderr}"
        said = " ".join(" ".join(re.findall(r"^ \u203a(.*)$", done.stderr, re.MULTILINE)).split())
        match = re.match(r"Error: (?P<message>.*) Error ID: (?P<id>\w+)", said)
        assert match is not None, f"heroku {line}: {done.stdout}{done.stderr}"
        return match["message"], match["id"]


@pytest.fixture
def cli(heroku: HerokuSimulator, certificate: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Heroku:
    modules = Path(os.environ.get("MLEM_TEST_NODE_MODULES", "node_modules"))
    program = shutil.which("heroku", path=os.pathsep.join([str(modules / ".bin"), os.environ["PATH"]]))
    if program is None:
        reason = (
            "Heroku's command is not installed: npm install heroku, and set MLEM_TEST_NODE_MODULES to its node_modules"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return Heroku(program, heroku, tmp_path_factory.mktemp("home"), certificate)


@pytest.fixture
def app(project: Project, heroku: HerokuSimulator, name: str) -> AppState:
    """An app that mlem has deployed."""
    return deployed(project, heroku, name)


def deployed(project: Project, heroku: HerokuSimulator, name: str, model: str = "double") -> AppState:
    fields = ("--model", model, "--env", "staging", "--app_name", name, "--environment.GREETING", "hello")
    done = project.mlem("deployment", "run", "heroku", "app", *fields)
    assert done.returncode == 0, done.stderr
    return heroku.app(name)


@pytest.fixture
def empty(heroku: HerokuSimulator, name: str) -> Iterator[AppState]:
    """An app that mlem has not made."""
    with heroku.platform.lock:
        made = heroku.platform.create(name, "us", None)
    yield made
    if made.id in heroku.platform.apps:
        with heroku.platform.lock:
            heroku.platform.delete(made)


def test_what_there_is_is_shown(cli: Heroku, app: AppState, heroku: HerokuSimulator) -> None:
    lines = [
        *("apps", f"apps:info {app.name}", f"apps:info -a {app.name} --json", f"releases -a {app.name} --json"),
        *(
            f"releases:info -a {app.name}",
            f"ps -a {app.name}",
            f"ps:scale -a {app.name}",
            f"config -a {app.name} --json",
        ),
        *(
            f"domains -a {app.name}",
            f"logs -a {app.name} --num 2",
            f"logs -a {app.name} --source app --dyno-name web.1",
        ),
    ]
    log = app.log.last(2)
    heroku.api.exchanges.clear()
    with ThreadPoolExecutor(3) as pool:
        said = dict(zip(lines, pool.map(cli.out, lines), strict=True))
    out = {line.replace(f" -a {app.name}", "").replace(f" {app.name}", ""): text for line, text in said.items()}
    assert re.findall(rf"=== {EMAIL} Apps\n\n(?:.*\n)*{app.name}\n", out["apps"]) != []
    info = {
        key: value.strip() for key, _, value in (line.partition(":") for line in out["apps:info"].splitlines()) if value
    }
    assert (info["Owner"], info["Region"], info["Stack"], info["Dynos"]) == (EMAIL, "us", "container", "web: 1")
    assert json.loads(out["apps:info --json"])["dynos"][0]["release"]["version"] == app.current.version
    assert [release["version"] for release in json.loads(out["releases --json"])] == list(
        range(app.current.version, 0, -1)
    )
    assert out["releases:info"].startswith(f"=== Release v{app.current.version}\n")
    assert "GREETING:     hello\n" in out["releases:info"]
    assert re.search(r"=== web \(Basic\):.*\n\nweb\.1: up ", out["ps"])
    assert (out["ps:scale"], json.loads(out["config --json"])) == ("web=1:Basic\n", app.config_vars)
    assert app.host_suffix in out["domains"]
    assert out["logs --num 2"].splitlines() == log
    assert {line.split()[1] for line in out["logs --source app --dyno-name web.1"].splitlines()} == {"app[web.1]:"}
    assert {exchange.path.rpartition("/")[2] for exchange in heroku.api.exchanges if exchange.status >= 400} <= {
        "pipeline-couplings"
    }


def line_of(app: AppState, begin: str) -> str:
    """Wait for a line of an app's log, and return what it says."""
    deadline = time.monotonic() + TIMEOUT_S
    for line in app.log.follow(1, re.compile(rf"\S+ {begin}")):
        assert time.monotonic() < deadline, app.log.last(20)
        if line is not None:
            return line.partition("]: ")[2]
    raise AssertionError("the app is gone")


def test_dynos_are_scaled_started_again_and_run_beside(cli: Heroku, app: AppState, certificate: Path | None) -> None:
    assert "done, now running web at 2:Basic" in cli("ps:scale", "web=2", "-a", app.name).stderr
    assert "done, now running web at 1:Standard-1X" in cli("ps:scale", "web-1:standard-1x", "-a", app.name).stderr
    assert [dyno.name for dyno in app.dynos] == ["web.1"]
    for line in ("ps:restart --process-type web", "ps:stop --dyno-name web.1"):
        before = app.dynos[0]
        cli.out(f"{line} -a {app.name}")
        assert (app.dynos[0].id != before.id, before.state) == (True, "down"), line
    assert f"heroku logs --app {app.name} --dyno run." in cli.out(f"run:detached -a {app.name} -- python --version")
    assert line_of(app, r"app\[run\.").startswith("Python 3.")
    cli.out(f"config:set A=1 B=two -a {app.name}")
    cli.out(f"config:unset A -a {app.name}")
    assert ({name: app.config_vars.get(name) for name in "AB"}, app.current.description) == (
        {"A": None, "B": "two"},
        "Remove A config vars",
    )


def test_a_command_runs_beside_the_dynos(cli: Heroku, app: AppState, certificate: Path | None) -> None:
    if certificate is None:
        pytest.skip("no openssl on this machine: Heroku's command attaches over TLS alone")
    assert cli.out(f"run -a {app.name} -- echo $GREETING from $DYNO").startswith("hello from run.")
    failed = cli("run", "-a", app.name, "--exit-code", "--", "sh -c 'echo no; exit 3'")
    assert (failed.returncode, failed.stdout.splitlines()[0]) == (3, "no")
    wait_until(lambda: {each.state for each in app.one_offs} == {"complete"})


def test_the_log_is_followed_until_the_app_is_gone(cli: Heroku, empty: AppState) -> None:
    empty.log.write("app", "web.1", "the first line")
    command = [cli.program, "logs", "--tail", "--num", "1", "--source", "app", "-a", empty.name]
    with subprocess.Popen(
        command, env=cli.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as follower:
        killer = threading.Timer(TIMEOUT_S, follower.kill)
        killer.start()
        assert follower.stdout is not None
        assert follower.stderr is not None
        assert follower.stdout.readline().endswith("app[web.1]: the first line\n")
        empty.log.write("heroku", "router", "of another source")
        empty.log.write("app", "web.1", "a new line")
        assert follower.stdout.readline().endswith("app[web.1]: a new line\n")
        cli.out(f"apps:destroy -a {empty.name} --confirm {empty.name}")
        assert (follower.stdout.read(), "Log stream timed out" in follower.stderr.read()) == ("", True)
        killer.cancel()


def test_apps_are_made_renamed_and_destroyed(cli: Heroku, heroku: HerokuSimulator, name: str) -> None:
    cli.out(f"apps:create {name} --region eu --stack container")
    app = heroku.app(name)
    assert (app.region, app.stack) == ("eu", "container")
    cli.out(f"apps:rename {name}-b -a {name}")
    cli.out(f"apps:stacks:set heroku-24 -a {name}-b")
    assert (app.name, app.stack, app.build_stack) == (f"{name}-b", "container", "heroku-24")
    cli.out(f"apps:destroy -a {name}-b --confirm {name}-b")
    anything = json.loads(cli.out("apps:create --json"))
    assert (anything["stack"]["name"], heroku.app(anything["name"]).id) == ("heroku-24", anything["id"])
    cli.out(f"apps:destroy -a {anything['name']} --confirm {anything['name']}")
    assert {app.id, anything["id"]} & set(heroku.platform.apps) == set()


REFUSED = {
    "apps:info -a {name}-x": ("Couldn't find that app.", "not_found"),
    "apps:destroy -a {name}-x --confirm {name}-x": ("Couldn't find that app.", "not_found"),
    "apps:create {name}": ("Name {name} is already taken", "invalid_params"),
    "apps:create Not_A_Name": (
        "Name must start with a letter, end with a letter or digit and can only contain lowercase letters, digits, "
        "and dashes.",
        "invalid_params",
    ),
    "releases:rollback v1 -a {name}": ("Can't roll back to v1: it has no code", "invalid_params"),
    "ps:scale web=1 -a {name}": ("Couldn't find that process type (web).", "not_found"),
    "run -a {name} -- ls": ("Cannot run one-off process: the app has no release with code.", "invalid_params"),
    "domains:add www.example.com -a {name}": (
        "The simulator has apps, releases, config vars, dynos and logs, and no POST /apps/{name}/domains.",
        "not_found",
    ),
}


def test_what_can_not_be_done_is_refused_in_herokus_way(cli: Heroku, empty: AppState) -> None:
    with ThreadPoolExecutor(3) as pool:
        found = pool.map(cli.refusal, [line.format(name=empty.name) for line in REFUSED])
        said = dict(zip(REFUSED, found, strict=True))
    assert said == {line: (message.format(name=empty.name), id_) for line, (message, id_) in REFUSED.items()}


def plan(handle: DeploymentHandle) -> dict[str, str]:
    """Return what a run would do, and why."""
    return {change.step: change.reason for change in handle.plan() if change.action != "keep"}


def settle(handle: DeploymentHandle) -> Status:
    """Wait until the dynos have done what Heroku told them; return what the status is then."""
    return handle.wait([status for status in Phase if status is not Phase.STARTING], TIMEOUT_S)


def expect_put_right(handle: DeploymentHandle, answer: Sequence[float] = (2.0, 4.0, 6.0)) -> None:
    assert handle.run().changed is True
    assert (settle(handle), plan(handle)) == (Status(Phase.RUNNING), {})
    with handle.get_client() as client:
        assert client.predict(SAMPLE) == list(answer)


def not_ours(app: AppState, recorded: int) -> str:
    return f"release v{app.current.version} is not ours: {since(app, recorded)}; on record is v{recorded}: {HINT}"


def since(app: AppState, recorded: int) -> str:
    newer = [release for release in reversed(app.releases) if release.version > recorded]
    return ", after ".join(f'"{release.description}" by {EMAIL}' for release in newer)


def test_releases_that_somebody_made_are_told_and_put_right(cli: Heroku, app: AppState, project: Project) -> None:
    handle, version = project.handle("app"), app.current.version
    cli.out(f"config:set FOREIGN=1 -a {app.name}")
    assert settle(handle) == Status(Phase.RUNNING, not_ours(app, version))
    taken_over = f'takes over release v{version + 1}: "Set FOREIGN config vars" by {EMAIL}'
    [change] = [change for change in handle.plan() if change.action != "keep"]
    assert (change.step, change.reason, change.downtime) == ("release", taken_over, "")
    dynos = list(app.dynos)
    expect_put_right(handle)
    assert (app.dynos, app.current.version, app.config_vars["FOREIGN"]) == (dynos, version + 1, "1")

    for line, there in (
        (f"config:set GREETING=bye -a {app.name}", "bye"),
        (f"config:unset GREETING -a {app.name}", None),
    ):
        recorded = app.current.version
        cli.out(line)
        assert settle(handle) == Status(Phase.RUNNING, not_ours(app, recorded))
        assert plan(handle) == {"config_vars": "GREETING", "release": "config vars"}
        [change] = [change for change in handle.plan() if change.step == "config_vars"]
        assert (change.fields["environment"].old, change.fields["environment"].new) == (
            {"GREETING": there},
            {"GREETING": "hello"},
        )
        expect_put_right(handle)
        assert app.config_vars["GREETING"] == "hello"

    good = app.current
    deployed(project, cli.simulator, app.name, "triple")
    handle, recorded = project.handle("app"), app.current.version
    cli.out(f"releases:rollback v{good.version} -a {app.name}")
    cli.out(
        f"config:set FOREIGN=2 -a {app.name}"
    )  # the newest release is of config vars, and serves the other model still
    assert settle(handle) == Status(Phase.UNKNOWN, not_ours(app, recorded))
    assert f', after "Rollback to v{good.version}" by {EMAIL}' in since(app, recorded)
    assert plan(handle) == {"release": f"release v{app.current.version} runs instead: {since(app, recorded)}"}
    cli.out(f"releases:rollback v{recorded} -a {app.name}")
    assert settle(handle) == Status(Phase.RUNNING, not_ours(app, recorded))
    cli.out(f"releases:rollback v{good.version} -a {app.name}")
    expect_put_right(handle, (3.0, 6.0, 9.0))
    cli.out(f"maintenance:on -a {app.name}")
    handle.rollback()
    assert (settle(handle), app.maintenance) == (Status(Phase.RUNNING), False)


def test_what_somebody_did_to_the_app_is_told_and_put_right(
    cli: Heroku, app: AppState, project: Project, heroku: HerokuSimulator
) -> None:
    handle, version, name = project.handle("app"), app.current.version, app.name
    cli.out(f"config:set PYTHONHOME=/nowhere -a {name}")
    crashed = settle(handle)
    assert (
        crashed.phase,
        crashed.reason.startswith("web.1 crashed: exit status 1"),
        crashed.reason.endswith(not_ours(app, version)),
    ) == (
        Phase.CRASHED,
        True,
        True,
    )
    assert plan(handle) == {"release": "web.1 is crashed"}
    cli.out(f"config:unset PYTHONHOME -a {name}")
    expect_put_right(handle)

    cli.out(f"ps:scale web=0 -a {name}")
    assert settle(handle) == Status(Phase.STOPPED, "no web dyno: somebody scaled the app to none")
    assert plan(handle) == {"scale": "quantity 0 -> 1"}
    cli.out(f"config:set FOREIGN=1 -a {name}")
    assert plan(handle) == {
        "release": f'takes over release v{app.current.version}: "Set FOREIGN config vars" by {EMAIL}',
        "scale": "quantity 0 -> 1",
    }
    expect_put_right(handle)

    cli.out(f"maintenance:on -a {name}")
    how = "mlem deployment maintenance app off ends it, and so does a run"
    assert settle(handle) == Status(Phase.STOPPED, f"the app is in maintenance mode, its callers get status 503: {how}")
    assert plan(handle) == {"app": "maintenance True -> False"}
    expect_put_right(handle)
    assert cli.out(f"maintenance -a {name}") == "off\n"

    cli.out(f"apps:rename {name}-b -a {name}")
    said = f"somebody renamed the app to {name}-b, and its old address is dead: {HINT}"
    assert settle(handle) == Status(Phase.STOPPED, said)
    assert plan(handle) == {"app": f"app_name {name}-b -> {name}"}
    cli.out(f"ps:scale web=0 -a {name}-b")
    assert plan(handle) == {"app": f"app_name {name}-b -> {name}", "scale": "quantity 0 -> 1"}
    expect_put_right(handle)
    assert heroku.app(name) is app

    cli.out(f"apps:destroy -a {name} --confirm {name}")
    assert settle(handle) == Status(Phase.CRASHED, f"the app {name} is gone")
    assert set(plan(handle).values()) == {"gone from the platform"}
    expect_put_right(handle)
    assert handle.remove() is True
