"""Clients that others make of the OpenAPI document: made without a warning, typed, with the answers of the models."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MODELS = ["iris", "sums", "my_orders", "paint", "teller"]
QUIET = {
    "openapi-python-client": "0\nGenerating {model}_package\n",
    "datamodel-codegen": "0\n",
}
TSCONFIG = {
    "compilerOptions": {
        "strict": True,
        "noUncheckedIndexedAccess": False,  # the callers' own short cuts, not the clients'
        "target": "es2022",
        "module": "nodenext",
        "outDir": "built",
        "types": ["node"],
        "lib": ["es2022", "dom", "dom.iterable"],
    },
    "include": ["*.ts", "*/model.d.ts", "*/client/**/*.ts"],
}
CALLED = {
    "openapi-python-client": {"classes", "probabilities", "refused", "sums", "orders", "first", "second", "echoed"}
    | {"picture", "items"},
    "datamodel-codegen": {"classes", "probabilities", "sums", "orders", "echoed", "picture", "items"},
    "openapi-typescript": {"classes", "probabilities", "refused", "sums", "orders", "first", "second", "echoed"}
    | {"picture", "items", "lines"},
    "openapi-ts": {"classes", "probabilities", "refused", "sums", "orders", "first", "second", "echoed"}
    | {"picture", "items"},
}
"""What the caller of each generator's client asks for."""


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("generator", list(CALLED))
def test_a_client_is_made_without_a_warning(made: Any, generator: str, model: str) -> None:
    said = made.said[model, generator]
    if generator in QUIET:
        assert said == QUIET[generator].format(model=model)
    else:  # they tell what they made, and how long that took
        assert said.startswith("0\n")
        assert [line for line in said.splitlines() if re.search("warn|error|skip|⚠|✘|❌", line, re.IGNORECASE)] == []


def test_clients_in_python_and_their_callers_are_typed(made: Any) -> None:
    (made.folder / "mypy.ini").write_text(
        # the file that openapi-python-client writes into each package, whatever the document says, is not clean
        "[mypy]\nstrict = True\nnamespace_packages = True\nexplicit_package_bases = True\n"
        "[mypy-*.client]\nignore_errors = True\n"
        "[mypy-*.api.*]\ndisallow_any_generics = False\n"
    )
    files = [f"{model}/{model}_{kind}" for model in MODELS for kind in ("package", "models.py")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "package_caller.py", "models_caller.py", *files],
        cwd=made.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout[-4000:]


@pytest.fixture(scope="session")
def built(made: Any, node_modules: Path) -> subprocess.CompletedProcess[str]:
    """What the compiler says about the clients in TypeScript and their callers."""
    (made.folder / "tsconfig.json").write_text(json.dumps(TSCONFIG))
    command = [str(node_modules / ".bin" / "tsc"), "-p", "."]
    return subprocess.run(command, cwd=made.folder, capture_output=True, text=True, check=False)


def test_clients_in_typescript_and_their_callers_are_typed(built: subprocess.CompletedProcess[str]) -> None:
    assert (built.returncode, built.stdout) == (0, "")


@pytest.mark.parametrize(
    ("generator", "caller"),
    [("openapi-python-client", "package_caller.py"), ("datamodel-codegen", "models_caller.py")],
)
def test_a_client_in_python_gets_the_models_own_answers(
    made: Any, expected: dict[str, Any], generator: str, caller: str
) -> None:
    assert answers_of(made, sys.executable, caller) == {name: expected[name] for name in CALLED[generator]}


@pytest.mark.parametrize(
    ("generator", "caller"), [("openapi-typescript", "fetch_caller.js"), ("openapi-ts", "client_caller.js")]
)
def test_a_client_in_typescript_gets_the_models_own_answers(
    made: Any, built: Any, expected: dict[str, Any], generator: str, caller: str
) -> None:
    assert answers_of(made, "node", f"built/{caller}") == {name: expected[name] for name in CALLED[generator]}


def answers_of(made: Any, *command: str) -> Any:
    addresses = [f"{model}={url}" for model, url in made.urls.items()]
    done = subprocess.run([*command, *addresses], cwd=made.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)
