"""MLEM 0.4's distribution `mlem` in one environment with ours.

It is noticed, and the two commands that are named end well.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlem.testing import Project

ROOT = Path(__file__).parents[2]
OLD = "mlem==0.4.14"
OURS = ("model", "core", "server", "provider-local")


@dataclass(frozen=True)
class Environment:
    """An environment without an index: what is installed comes from the wheels of a folder.

    Attributes:
        folder: The environment.
        wheels: The folder of the wheels.
        project: Where its commands run.
    """

    folder: Path
    wheels: Path
    project: Path

    def run(self, *words: str | Path, shell: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment."""
        variables = {
            name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MLEM_", "PYTHONPATH"))
        }
        variables |= {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
        }
        variables |= {"XDG_STATE_HOME": str(self.folder / "state"), "NO_COLOR": "1"}
        command = str(words[0]) if shell else [str(self.folder / "bin" / words[0]), *map(str, words[1:])]
        return subprocess.run(
            command,
            shell=shell,
            env=variables,
            cwd=self.project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def pip(self, *words: str | Path) -> None:
        done = self.run("pip", *words)
        assert done.returncode == 0, done.stderr

    def install_ours(self) -> None:
        self.pip("install", "--no-deps", *sorted(self.wheels.glob("mlem_*.whl")))

    def install_old(self) -> None:
        self.pip("install", "--no-deps", OLD)

    def checked(self) -> dict[str, bool]:
        """Return what ``mlem doctor`` says of each of its checks."""
        return {
            row["check"]: row["ok"]
            for row in json.loads(self.run("mlem", "doctor", "--output", "json").stdout)["checks"]
        }


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with pip, which installs into the others."""
    folder = tmp_path_factory.mktemp("builder")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def wheels(builder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheels of ours, and the real one of MLEM 0.4."""
    folder = tmp_path_factory.mktemp("wheels")
    pip = [builder, "-m", "pip", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "download", "-q", "--no-deps", "-d", folder, OLD], capture_output=True, text=True, check=False
    )
    if done.returncode and os.environ.get("CI") != "true":
        pytest.skip(f"{OLD} can't be had: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    packages = [ROOT / "packages" / name for name in OURS]
    done = subprocess.run(
        [*pip, "wheel", "-q", "--no-deps", "-w", folder, *packages], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def environment(builder: Path, wheels: Path, plain: Project, tmp_path: Path) -> Environment:
    """An environment with the dependencies of this one, and nothing of ours."""
    folder, libraries = (
        tmp_path / "environment",
        tmp_path / "libraries" / "site-packages",
    )  # where libraries are expected
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    libraries.mkdir(parents=True)
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(("mlem", "__editable__", "_mlem", "_editable")) and path.suffix != ".pth":
            (libraries / path.name).symlink_to(path)
    python = folder / "bin" / "python"
    found = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    Path(found.stdout.strip(), "libraries.pth").write_text(f"{libraries}\n")
    pip = folder / "bin" / "pip"
    pip.write_text(f'#!/bin/sh\nexec {builder} -m pip --disable-pip-version-check --python {python} "$@"\n')
    pip.chmod(0o755)
    return Environment(folder, wheels, plain.folder)


def remedy_in(stderr: str) -> str:
    """Return the two commands of a warning or a hint."""
    line = next(line for line in stderr.splitlines() if "pip uninstall -y mlem;" in line)
    return line[line.index("pip uninstall") :]


def test_over_the_predecessor_everything_works_and_it_is_said(environment: Environment) -> None:
    environment.install_old()
    environment.install_ours()
    done = environment.run("mlem", "--version")
    assert (done.returncode, done.stdout.startswith("mlem 0.5")) == (0, True)
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("warning: mlem 0.4.14, the predecessor, is installed too"), done.stderr
    for command in (
        "plugins",
        "deployment run local app --model double",
        "deployment status app",
        "deployment remove app",
    ):
        done = environment.run("mlem", *command.split())
        assert done.returncode == 0, done.stderr
    assert environment.checked() == {"installation": False, "settings": True, "plugins": True, "state store": True}


def test_the_two_commands_that_are_named_leave_this_version_whole(environment: Environment) -> None:
    environment.install_old()
    environment.install_ours()
    done = environment.run(remedy_in(environment.run("mlem", "types").stderr), shell=True)
    assert done.returncode == 0, done.stderr
    done = environment.run("mlem", "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert environment.checked()["installation"]
    assert [*environment.folder.glob("lib/*/site-packages/mlem/contrib")] == [], "nothing of the predecessor is left"


@pytest.mark.parametrize("uninstalled", [False, True], ids=["overwritten", "half uninstalled"])
def test_a_server_needs_nothing_of_what_the_predecessor_took(environment: Environment, uninstalled: bool) -> None:
    environment.install_ours()
    environment.install_old()
    if uninstalled:
        environment.pip("uninstall", "-y", "mlem")
        assert not (environment.folder / "bin" / "mlem").exists(), "which is why it has to be said before"
    served = environment.run("mlem-server", "double", "--port", "99999999")
    assert (served.returncode, "--port" in served.stderr) == (2, True), served.stderr
    kinds = "from mlem_model.plugins.registry import registry; print(*registry().words('model_type'))"
    assert "sklearn" in environment.run("python", "-c", kinds).stdout.split()
    page = (ROOT / "docs" / "how-to" / "migrate.md").read_text()
    remedy = re.findall(r"^\$ (pip .*)$", page, re.MULTILINE)
    done = environment.run("; ".join(remedy), shell=True)
    assert done.returncode == 0, done.stderr
    assert environment.run("mlem", "--version").stderr == ""
