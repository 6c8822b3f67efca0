from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from mlem_model.process_local import ProcessLocal


def test_all_threads_of_a_process_get_the_same_value() -> None:
    local = ProcessLocal(list)
    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(lambda _number: id(local.get()), range(100)))
    assert set(values) == {id(local.get())}


def test_a_value_that_was_taken_is_made_anew() -> None:
    local = ProcessLocal(list)
    first = local.get()
    assert local.take() is first
    assert local.take() is None
    assert local.get() is not first


def test_copies_and_pickles_begin_without_a_value() -> None:
    local = ProcessLocal(dict)
    local.get()["a"] = 1
    copies = [copy.copy(local), copy.deepcopy(local), pickle.loads(pickle.dumps(local))]
    assert [found.take() for found in copies] == [None] * 3
    assert copies == [local] * 3


FORK = """
import os
from mlem_model.process_local import ProcessLocal
local = ProcessLocal(lambda: object())
mine = local.get()
reading, writing = os.pipe()
if os.fork() == 0:
    os.getpid = lambda real=os.getppid(): real  # as in a new namespace, where numbers are used again
    os.write(writing, b"shared" if local.get() is mine or local.take() is mine else b"own")
    os._exit(0)
os.wait()
print(os.read(reading, 100).decode(), local.get() is mine)
"""


def test_a_process_that_was_forked_has_its_own_value_also_under_the_same_number() -> None:
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=False)
    assert done.stdout == "own True\n", done.stderr
