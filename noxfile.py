"""Everything that is done to this repository: `nox -l` lists it, `nox -s NAME` does it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "architecture", "tests"]
nox.options.error_on_external_run = True

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml("pyproject.toml")

PACKAGES = {
    "model": ["model"],
    "core": ["model", "core"],
    "server": ["model", "server"],
    "provider-local": ["model", "core", "server", "provider-local"],
    "image": ["model", "core", "server", "image"],
    "provider-docker": ["model", "core", "server", "image", "provider-docker"],
    "provider-heroku": ["model", "core", "server", "image", "provider-docker", "provider-heroku"],
    "heroku-simulator": ["model", "core", "server", "image", "provider-docker", "heroku-simulator"],
    "provider-sagemaker": ["model", "core", "server", "image", "provider-docker", "provider-sagemaker"],
    "state-s3": ["model", "core", "state-s3"],
}
"""Each package with those of ours that it depends on: its tests run with nothing else of ours installed."""

PLATFORMS = {"provider-heroku": ["heroku-simulator"]}
"""What stands in for a platform in the tests of its provider."""

SELDOM = {"MLEM_TEST_EVERY_BOUNDARY": "4"} if os.environ.get("CI") == "true" else {}
"""How often the check kills commands that take seconds: at every fourth boundary, without `CI` at each."""

QUICK = "not (Crash or EveryDay or Operation or History)"
EXAMPLES = ["mlem-plane", "mlem-provider-folder", "mlem-provider-nimbus", "mlem-state-cumulus"]
"""Distributions as a stranger writes them."""

SERVER_AND_CLIENT = ["model", "core", "server"]
"""A server is called by the client of the core; what an image has without the core is shown by the tests of Docker's
provider."""

EVERYWHERE = ["model", "core", "server", "provider-local"]
"""The packages that models are saved, loaded and served with: whoever has them may have any Python that we name."""


def found(*versions: str) -> dict[str, str]:
    """Return the Pythons of this machine among some versions; the one that runs nox is not asked for."""
    result = {}
    for version in versions:
        places = [
            shutil.which(f"python{version}"),
            *map(str, sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))),
        ]
        for place in filter(None, places):  # the first may be a shim of a version that is not chosen
            says = subprocess.run(
                [place, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
                capture_output=True,
                text=True,
                check=False,
            )
            if says.stdout.strip() == version != f"{sys.version_info[0]}.{sys.version_info[1]}":
                result[version] = place
                break
    return result


PYTHONS = found("3.12", "3.13")
COUNTED = {
    package: list(PYTHONS.values())[-1]
    for package in ("model", "core", "server", "provider-local", "state-s3")
    if PYTHONS and os.environ.get("CI") == "true"
}
"""The packages whose tests the check runs with the newest Python of this machine, counting the lines that they run.

Since Python 3.12 that costs next to nothing; before, twice the time. The other packages' tests build images, and have
the Python that the base image has."""

FLOOR = 90
"""The least percentage of the counted packages' lines that the tests have to run."""
OF_FRAMEWORKS = [
    *(f"packages/model/src/mlem_model/frameworks/{room}/*" for room in ("boosting", "neural", "statistics", "text")),
    "packages/model/src/mlem_model/importing/*",
]
"""What is not counted: its tests have sessions of their own, `frameworks`, `neural` and `text`, where the frameworks
are."""
OLDEST = ["numpy==1.26.*", "pandas==2.2.*", "pyarrow==18.*", "scikit-learn==1.6.*", "scipy==1.14.*"]


def group(*names: str) -> list[str]:
    """Return the requirements of dependency groups, for installers that do not know groups."""
    return list(nox.project.dependency_groups(PYPROJECT, *names))


def install(session: nox.Session, packages: list[str], *requirements: str) -> None:
    """Install packages of ours, editable, with requirements."""
    # Compiled at the first import, and kept: what is tested many times must not compile each time.
    session.env["PYTHONDONTWRITEBYTECODE"] = ""
    editable = [argument for package in packages for argument in ("-e", f"packages/{package}")]
    session.install(*editable, *requirements)


@nox.session
def dev(session: nox.Session) -> None:
    """Make the environment `.venv` for working on the code."""
    session.run(sys.executable, "-m", "venv", ".venv", external=True)
    python = str(ROOT / ".venv" / ("Scripts" if os.name == "nt" else "bin") / "python")
    editable = [argument for package in PACKAGES for argument in ("-e", f"packages/{package}")]
    session.run(
        python,
        "-m",
        "pip",
        "install",
        "-q",
        *editable,
        *group("test", "lint", "types", "architecture"),
        "nox",
        external=True,
    )
    session.log("now: . .venv/bin/activate")


@nox.session
def demo(session: nox.Session) -> None:
    """Run the README's first page: train, save, deploy, ask, remove."""
    install(session, list(PACKAGES), *group("example"))
    session.run("python", "tools/readme.py", "README.md", env={"XDG_STATE_HOME": session.create_tmp()})


@nox.session
@nox.parametrize("python,package", [(COUNTED.get(package), package) for package in PACKAGES], ids=list(PACKAGES))
def tests(session: nox.Session, package: str) -> None:
    """Run a package's tests, with only that package and what it declares installed."""
    more = {
        "state-s3": ["servers"],
        "image": ["documents", "signatures"],
        "provider-heroku": ["signatures"],
        "provider-sagemaker": ["aws"],
        "model": ["formats", "values"],
        "core": ["formats", "values"],
        "provider-local": ["formats"],
        "provider-docker": ["dockerfile"],
        "server": ["formats", "values", "processes", "traces", "compression", "browser", "schemathesis", "kserve"],
    }
    install(
        session,
        SERVER_AND_CLIENT if package == "server" else [*PACKAGES[package], *PLATFORMS.get(package, [])],
        *group("test", "example", *more.get(package, [])),
    )
    _pytest(session, f"tests/{package.replace('-', '_')}", env=SELDOM, counted=package in COUNTED)


@nox.session
def frameworks(session: nox.Session) -> None:
    """Save, import, load and serve the models of boosted trees, of scikit-learn's files, and of strangers' types."""
    install(session, EVERYWHERE, *group("test", "example", "formats", "frameworks"))
    others = [f"--ignore=tests/frameworks/{room}" for room in ("neural", "text", "statistics")]
    _pytest(session, *([] if session.posargs else ["tests/frameworks", *others]))


@nox.session(venv_backend="virtualenv")
def neural(session: nox.Session) -> None:
    """Save, load and serve the models of PyTorch, Keras, TensorFlow and ONNX, which are real and small.

    pip installs them, with this machine's settings: these say where PyTorch without CUDA is, which no public index has
    under a version of its own. With CUDA it brings Triton, which ends a process that has imported TensorFlow.
    """
    install(session, EVERYWHERE, *group("test", "example", "formats", "frameworks", "neural"))
    _pytest(session, "tests/frameworks/neural")


@nox.session(venv_backend="virtualenv")
def text(session: nox.Session) -> None:
    """Save, import, load and serve models of transformers, sentence-transformers, spaCy, statsmodels and Prophet.

    They are real and small, and made without a network. pip installs PyTorch as for the session `neural`.
    """
    install(session, EVERYWHERE, *group("test", "example", "text"))
    _pytest(session, "tests/frameworks/text", "tests/frameworks/statistics")


@nox.session(venv_backend="virtualenv")
def matrix(session: nox.Session) -> None:
    """Try every kind of model locally and with Docker, and write the matrix of the documentation; see `neural` for pip.

    Arguments are the script's: `nox -s matrix -- --only xgboost`.
    """
    install(
        session, [*EVERYWHERE, "image", "provider-docker"], *group("example", "formats", "frameworks", "neural", "text")
    )
    if "--without-docker" not in session.posargs:
        session.run("python", "tools/engine/start.py")
    session.run("python", "tools/frameworks.py", *session.posargs)


@nox.session
@nox.parametrize("python", list(PYTHONS.values()) or [None], ids=list(PYTHONS) or ["none"])
def pythons(session: nox.Session) -> None:
    """Run the tests of what saves, loads and serves, or those given, with every other Python that this machine has."""
    if not PYTHONS:
        session.skip("this machine has no other Python that we name")
    install(session, EVERYWHERE, *group("test", "example", "values", "formats", "kserve"))
    _pytest(session, *([] if session.posargs else (f"tests/{package.replace('-', '_')}" for package in EVERYWHERE)))


@nox.session
def oldest(session: nox.Session) -> None:
    """Run tests of saving, loading and serving with the oldest libraries that we support; arguments replace them."""
    install(session, SERVER_AND_CLIENT, *group("test", "example", "values", "kserve", "processes"), *OLDEST)
    _pytest(session, *([] if session.posargs else ("tests/model", "tests/core", "tests/server")))


@nox.session
def integration(session: nox.Session) -> None:
    """Run the tests that need a Docker Engine, and start one first; none may skip. On Debian, as root."""
    install(
        session,
        [*PACKAGES["provider-heroku"], "heroku-simulator", "provider-sagemaker"],
        *group("test", "example", "aws", "dockerfile"),
    )
    session.run("python", "tools/engine/start.py")
    _pytest(
        session,
        "tests/provider_docker",
        "tests/provider_heroku",
        "tests/heroku_simulator",
        "tests/provider_sagemaker",
        env={"MLEM_REQUIRE_ENGINE": "1"},
    )


@nox.session
def faults(session: nox.Session) -> None:
    """Let processes fight over one state for ten minutes while everything fails, and check their histories."""
    install(session, PACKAGES["state-s3"], *group("test", "servers"))
    _pytest(session, "tests/state_s3/test_history.py", env={"MLEM_TEST_FAULT_SECONDS": "600", "CI": "true"})


@nox.session
def load(session: nox.Session) -> None:
    """Ask a server for twice what its model can do, for ten minutes, and watch its answers and its memory."""
    install(session, SERVER_AND_CLIENT, *group("test", "example", "processes"))
    _pytest(session, "tests/server/test_load.py", env={"MLEM_TEST_LOAD_SECONDS": "600", "CI": "true"})


@nox.session
def journeys(session: nox.Session) -> None:
    """Run the command line end to end, with everything installed."""
    install(
        session,
        list(PACKAGES),
        *group("test", "example", "servers", "types", "values", "architecture", "templates"),
        *(argument for example in EXAMPLES for argument in ("-e", f"examples/{example}")),
    )
    _pytest(session, "tests/journeys", "tests/architecture", "tests/examples")
    for example in ("mlem-provider-nimbus", "mlem-state-cumulus"):
        # in the check, what takes a minute and is tested with other providers is left out
        _pytest(session, f"examples/{example}/tests", *(["-k", QUICK] if SELDOM else []))


def _pytest(session: nox.Session, *paths: str, env: dict[str, str] | None = None, counted: bool = False) -> None:
    # tests of platforms wait for them a good part of the time
    waiting = {"docker": 3, "heroku": 4, "sagemaker": 4}
    count = max((number for name, number in waiting.items() if any(name in path for path in paths)), default=2)
    # who has done his share takes of the others: no worker is idle while one has the longest tests
    workers = ["-n", str(count), "--dist", "worksteal"] if not session.posargs else []
    command = ["python", "-m", "pytest", *paths, *workers, *session.posargs]
    if counted:
        command[1:1] = ["-m", "coverage", "run"]
        env = {**(env or {}), "COVERAGE_CORE": "sysmon", "COVERAGE_FILE": str(ROOT / ".coverage")}
    session.run(*command, env=env)


@nox.session
def coverage(session: nox.Session) -> None:
    """Show which lines the check's tests did not run, in child processes too; too many are a failure."""
    session.install("coverage>=7.10")
    session.run("coverage", "combine", success_codes=[0, 1])
    sources = ",".join(f"packages/{package}/*" for package in COUNTED)
    others = ",".join(OF_FRAMEWORKS)
    session.run("coverage", "report", f"--include={sources}", f"--omit={others}", f"--fail-under={FLOOR}")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Send the server what callers who mean no good would send, for ten minutes, or for so many seconds."""
    install(session, EVERYWHERE, *group("test", "example"))
    seconds = session.posargs[0] if session.posargs else "600"
    session.run("python", "-m", "pytest", "tests/fuzz", env={"MLEM_FUZZ_SECONDS": seconds})


@nox.session
def clients(session: nox.Session) -> None:
    """Make clients of the server's OpenAPI document by the generators of others, check their types, and use them.

    Those for TypeScript are where `MLEM_TEST_NODE_MODULES` says; `.ci/run` has the line for npm.
    """
    install(session, SERVER_AND_CLIENT, *group("test", "example", "clients"))
    session.run("python", "-m", "pytest", "tests/clients", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and spelling, and that the next release's notes can be made."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")
    session.run("towncrier", "build", "--draft", "--version", "next", silent=True)


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    install(session, list(PACKAGES), *group("types", "architecture", "browser", "signatures"))
    session.run(
        "mypy",
        *[f"packages/{package}/src" for package in PACKAGES],
        *[f"examples/{example}/src" for example in EXAMPLES],
        "noxfile.py",
        "tools",
    )


@nox.session
def architecture(session: nox.Session) -> None:
    """Check who may import whom."""
    install(session, list(PACKAGES), *group("architecture"))
    session.run("lint-imports")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, whose reference is made from the code, and try out what its pages say."""
    install(session, list(PACKAGES), *group("docs", "test", "example", "browser"))
    session.run("python", "tools/reference.py")
    session.run("zensical", "build", "--strict", silent=True)
    _pytest(session, "tests/docs")


@nox.session
def release_check(session: nox.Session) -> None:
    """Build what a release would upload, twice; install it from wheels alone with each Python, and use it."""
    session.install(*group("build", "release"))
    pythons = session.posargs or [f"{sys.version_info[0]}.{sys.version_info[1]}", *PYTHONS.values()]
    session.run("python", "tools/release.py", str(ROOT / "dist"), *pythons)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure; each script prints ratios of one run."""
    install(session, list(PACKAGES), *group("example", "aws"))
    for script in session.posargs or sorted(
        str(path.relative_to(ROOT)) for path in Path(ROOT, "benchmarks").glob("[a-z]*.py")
    ):
        session.run("python", script)
