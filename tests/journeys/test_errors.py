from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

import mlem
import mlem_provider_docker
import mlem_provider_heroku
import mlem_provider_local
import mlem_provider_sagemaker
import mlem_server
import mlem_state_s3
from mlem_model.errors import DataError, MlemError, UserError

PACKAGES = (
    mlem, mlem_server, mlem_provider_docker, mlem_provider_heroku, mlem_provider_local, mlem_provider_sagemaker,
    mlem_state_s3,
)  # fmt: skip


def _all_errors() -> list[type[MlemError]]:
    for package in PACKAGES:
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if "error" in module.name or module.name == "mlem.clients.client":
                importlib.import_module(module.name)
    found, left = [], [MlemError]
    while left:
        found.append(left.pop())
        left += found[-1].__subclasses__()
    return sorted(set(found), key=lambda kind: kind.__qualname__)


def _made(kind: type[MlemError]) -> MlemError:
    """Make an error as the class wants it, with all that every error may have."""
    made = kind.__new__(kind)
    MlemError.__init__(made, "what is wrong", hint="type this", known=("a", "b"), code="some-code")
    made.__dict__["path"] = "data[3]"
    return made


class OddError(UserError):
    """An error of a provider that takes something else to be made."""

    def __init__(self, status: int, *, retry: bool) -> None:
        super().__init__(f"status {status}", hint="wait")
        self.status = status
        self.retry = retry


ERRORS = [*map(_made, _all_errors()), DataError("data[3].age", "int", "str", hint="cast it"), OddError(503, retry=True)]


def fields(error: BaseException) -> Any:
    return type(error), str(error), error.args, {**error.__dict__}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_keeps_every_field_when_it_is_pickled_or_copied(error: MlemError) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert fields(pickle.loads(pickle.dumps(error, protocol))) == fields(error)
    assert fields(copy.copy(error)) == fields(copy.deepcopy(error)) == fields(error)


POOL = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from mlem_model.errors import DataError

def fail(_number):
    raise DataError("data[3].age", "int", "str", hint="cast it")

if __name__ == "__main__":
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        error = pool.submit(fail, 1).exception(timeout=120)
    print(type(error).__name__, error, error.path, error.expected, error.got, error.hint, error.code, sep="|")
"""


def test_an_error_comes_out_of_a_pool_of_processes_with_its_fields(tmp_path: Path) -> None:
    (tmp_path / "pool.py").write_text(POOL)
    done = subprocess.run(
        [sys.executable, "pool.py"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout == "DataError|data[3].age: expected int, got str|data[3].age|int|str|cast it|bad-data\n", (
        done.stderr
    )


def test_a_traceback_shows_the_hint_and_the_known_words_and_the_message_does_not() -> None:
    error = UserError('no type "herokuu"', hint='did you mean "heroku"?', known=("docker", "heroku"))
    assert (str(error), error.message) == ('no type "herokuu"',) * 2
    expected = [
        'mlem_model.errors.UserError: no type "herokuu"\n',
        "known: docker, heroku\n",
        'hint: did you mean "heroku"?\n',
    ]
    assert traceback.format_exception(error) == expected
    assert traceback.format_exception(pickle.loads(pickle.dumps(error))) == expected
    assert traceback.format_exception(UserError("plain")) == ["mlem_model.errors.UserError: plain\n"]
