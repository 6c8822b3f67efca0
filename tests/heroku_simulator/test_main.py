"""The simulator's command: what stops it from starting is said with what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from mlem_heroku_simulator import HerokuSimulator


def test_a_certificate_that_is_none_is_named(heroku: HerokuSimulator, tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("none")
    done = start("--api-port", "0", "--registry", heroku.registry, "--certificate", str(tmp_path / "none.pem"))
    assert (
        done.returncode,
        done.stderr.startswith(f"error[bad-certificate]: {tmp_path / 'none.pem'} is not a certificate: "),
    ) == (2, True)


def start(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlem_heroku_simulator", "--router-port", "0", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_second_simulator_on_the_same_port_says_what_to_do(heroku: HerokuSimulator) -> None:
    port = str(urlsplit(heroku.api.url).port)
    done = start("--api-port", port, "--registry", heroku.registry)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.splitlines()[0] == f"error[port-in-use]: port {port} is in use"
    assert "--api-port 0" in done.stderr


def test_a_simulator_without_a_registry_says_how_to_start_one(heroku: HerokuSimulator) -> None:
    nobody = urlsplit(heroku.api.url).netloc  # answers, but is not a registry
    done = start("--api-port", "0", "--registry", nobody)
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr.startswith(f"error[no-registry]: no registry answers at {nobody}")
    assert f"hint: start one: docker run -d -p {nobody}:5000 registry:2" in done.stderr
