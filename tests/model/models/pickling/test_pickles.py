from __future__ import annotations

import importlib
import io
import json
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import cloudpickle
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.errors import PluginError, UserError
from mlem_model.models.pickling import pickles as pickling

PREPROCESS = """
import math
from enum import Enum

class Kind(Enum):
    LOW = "low"
    HIGH = "high"

class Cleaner:
    allowed = {"a": 1}
    def clean(self, x):
        return [math.floor(i) for i in x if str(i) not in {"nan", "inf", "none", "null"}]

def clean(x):
    return Cleaner().clean(x)
"""
TRAIN = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import preprocess
from preprocess import Kind
from mlem_model.models.pickling import pickles as pickling

def inner(x):
    return x in {"red", "green", "blue", "yellow"}

class Model:
    def __call__(self, x):
        return preprocess.clean(x), Kind.LOW.value, inner("red")

Path(sys.argv[1]).write_bytes(pickling.dumps(Model()))
"""
LOAD = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb'))([1.5, float('nan')]))"


def run(folder: Path, script: str, *args: str) -> str:
    done = subprocess.run([sys.executable, script, *args], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_script_with_its_own_module_pickles_to_the_same_bytes_from_any_folder_and_runs_without_it(
    tmp_path: Path,
) -> None:
    pickles = []
    for name in ("one", "a/longer/two"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "preprocess.py").write_text(PREPROCESS)
        (folder / "train.py").write_text(TRAIN)
        for _ in range(2):  # the second run reads the module's compiled file
            run(folder, "train.py", "out.pkl")
            pickles.append((folder / "out.pkl").read_bytes())
    assert len(set(pickles)) == 1
    assert b"/longer/" not in pickles[-1]
    (tmp_path / "load.py").write_text(LOAD)
    assert run(tmp_path, "load.py", str(tmp_path / "one/out.pkl")) == "([1], 'low', True)\n"


def test_a_package_of_the_user_travels_whole(tmp_path: Path) -> None:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("import shop.prices\nfrom shop.prices import price\n")
    (package / "prices.py").write_text("import shop\nRATE = 3\ndef price(x):\n    return x * shop.prices.RATE\n")
    (tmp_path / "train.py").write_text(
        "import sys, shop\nfrom pathlib import Path\nfrom mlem_model.models.pickling import pickles as pickling\n"
        "def f(x):\n    return shop.price(x)\n"
        "Path(sys.argv[1]).write_bytes(pickling.dumps(f))\n"
    )
    run(tmp_path, "train.py", "out.pkl")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "load.py").write_text("import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb'))(4))")
    assert run(elsewhere, "load.py", str(tmp_path / "out.pkl")) == "12\n"


def test_a_module_of_the_user_that_is_imported_inside_a_function_is_refused_when_saving(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("x = 1\n")
    (tmp_path / "train.py").write_text(
        "from mlem_model.models.pickling import pickles as pickling\nfrom mlem_model.errors import UserError\n"
        "def f(x):\n    import own\n    return own.x\n"
        "try:\n    pickling.dumps(f)\nexcept UserError as error:\n    print(error.code, error)\n"
    )
    expected = "local-import f imports own when it is called; no package has that module, so servers will not have it\n"
    assert run(tmp_path, "train.py") == expected


def test_the_modules_that_an_object_uses_are_noted_and_no_others() -> None:
    from sklearn.linear_model import LinearRegression

    def lazily(x: float) -> object:
        import numpy as np

        return np.float64(x)

    noted = {module.partition(".")[0] for module in pickling.dump(LinearRegression(), io.BytesIO())}
    assert noted == {"sklearn"}
    assert {module.partition(".")[0] for module in pickling.dump(lazily, io.BytesIO())} == {"cloudpickle", "numpy"}


def test_nothing_stays_registered_after_pickling() -> None:
    before = set(cloudpickle.list_registry_pickle_by_value())
    pickling.dumps(lambda x: x)
    assert set(cloudpickle.list_registry_pickle_by_value()) == before


def test_a_pickled_class_keeps_its_instances_and_its_base() -> None:
    class Base:
        def __call__(self, x: int) -> int:
            return x + 1

    class Child(Base):
        pass

    first, second = pickling.load(io.BytesIO(pickling.dumps([Child(), Child()])))
    assert (first(1), type(first) is type(second), type(first).__mro__[1].__name__) == (2, True, "Base")


def test_what_can_not_be_pickled_is_an_error_of_the_user() -> None:
    with pytest.raises(UserError) as caught:
        pickling.dumps({"lock": threading.Lock()})
    assert caught.value.code == "not-picklable"


def test_a_missing_module_comes_with_what_to_install() -> None:
    data = b"cno_such_module\nThing\n."
    requirement = Requirement(module="no_such_module", version="1.2", package_name="no-such")
    with pytest.raises(PluginError) as caught:
        pickling.load(io.BytesIO(data), [requirement])
    assert (str(caught.value), caught.value.hint) == (
        'the model needs the module "no_such_module", which is not installed',
        "pip install no-such==1.2",
    )


def test_an_artifact_that_needs_other_versions_comes_with_what_to_install() -> None:
    with pytest.raises(PluginError) as caught:
        pickling.load(
            io.BytesIO(b"cjson\nno_such_name\n."), [Requirement(module="json", version="9", package_name="json")]
        )
    assert (caught.value.code, caught.value.hint) == (
        "wrong-versions",
        "install what it was saved with: pip install json==9",
    )


def test_what_is_no_pickle_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        pickling.load(io.BytesIO(b"hello"))
    assert caught.value.code == "not-a-pickle"


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (lambda x: x, True),
        ([1, {"a": (lambda: 0)}], True),
        (type("Own", (), {"__call__": lambda self: 1})(), True),
        ({"CodeType": 1, "_make_function": "marshal loads"}, False),  # words that a vocabulary may have
        (["cloudpickle.cloudpickle", type(None)], False),
        (json.loads, False),
    ],
)
def test_compiled_code_in_a_pickle_is_found(tmp_path: Path, obj: object, expected: bool) -> None:
    (tmp_path / "p").write_bytes(pickling.dumps(obj))
    assert pickling.has_code(tmp_path / "p") is expected


def test_compiled_code_is_found_far_behind_the_start_and_in_pickles_of_others(tmp_path: Path) -> None:
    (tmp_path / "far").write_bytes(pickling.dumps([b"x" * ((1 << 20) - 100), lambda: 0]))
    (tmp_path / "old").write_bytes(b"ccloudpickle.cloudpickle_fast\n_make_skel_func\n.")
    (tmp_path / "none").write_bytes(b"_make_function, but no pickle")
    assert [pickling.has_code(tmp_path / name) for name in ("far", "old", "none")] == [True, True, False]


def test_only_code_of_another_python_is_refused() -> None:
    code, plain = io.BytesIO(pickling.dumps(lambda: 0)), io.BytesIO(pickling.dumps(json.loads))
    for python, file in ((pickling.PYTHON, code), (f"{pickling.PYTHON}.99", code), ("", code), ("3.9.1", plain)):
        pickling.expect_python(file, python)
    for known in (False, True):
        with pytest.raises(PluginError) as caught:
            pickling.expect_python(code, "3.9.1", known=known)
        assert (caught.value.code, caught.value.message, code.tell()) == (
            "other-python",
            f"the model has code that Python 3.9 compiled, which Python {pickling.PYTHON} can't run",
            0,
        )


SETS = """
import enum, hashlib, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from mlem_model.models.pickling import pickles as pickling

class Kind(enum.Enum):
    A = "a"
    B = "b"
    C = "c"

class Tags(set):
    pass

class Frozen(frozenset):
    def __init__(self, items=()):
        self.note = {"kept", "too"}

class Item:
    def __init__(self, name):
        self.name = name
        self.all = None
    def __eq__(self, other):
        return isinstance(other, Item) and self.name == other.name
    def __hash__(self):
        return hash(self.name)

words = {"red", "green", "blue", "yellow", "black"}
cyclic = {Item(name) for name in words}
for item in cyclic:
    item.all = cyclic
shared = frozenset({"x", "y", "z"})

class Model:
    allowed = {"nan", "inf", "none"}
    def __init__(self):
        self.words = set(words)
        self.frozen = frozenset(words)
        self.nested = {frozenset({"a", "b"}), frozenset({"c", "d", frozenset({"e", "f"})})}
        self.mixed = {1, "one", None, 2.5, (1, "two"), b"bytes", True, float("nan")}
        self.by_name = {"k": {"a", "b"}, ("t", 1): frozenset({"p", "q"})}
        self.kinds = {Kind.A, Kind.B, Kind.C}
        self.tags = Tags(words)
        self.tags.owner = {"me", "you"}
        self.kind_of_frozen = Frozen(words)
        self.cyclic = cyclic
        self.shared = [shared, shared, {"own": shared}]
        self.empty = [set(), frozenset(), {"one"}]
        self.many = {str(number) for number in range(3000)}
        self.functions = {len, print, Item}
        self.deep = deep
    def __call__(self, x):
        return x in words

deep = {"end", "of it"}
for _ in range(200):
    deep = [deep]

def outer():
    inner = {"c1", "c2", "c3"}
    return lambda x: x in inner

data = pickling.dumps([Model(), outer(), lambda x: x in {"code", "constants", "sorted"}])
print(hashlib.sha256(data).hexdigest())
Path(sys.argv[1]).write_bytes(data)
"""
LOAD_SETS = """
import pickle, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
model, closure, constants = pickle.loads(Path(sys.argv[1]).read_bytes())
words = {"red", "green", "blue", "yellow", "black"}
assert (model.words, type(model.words)) == (words, set)
assert (model.frozen, type(model.frozen)) == (words, frozenset)
assert model.nested == {frozenset({"a", "b"}), frozenset({"c", "d", frozenset({"e", "f"})})}
assert {repr(item) for item in model.mixed} == {"1", "'one'", "None", "2.5", "(1, 'two')", "b'bytes'", "nan"}
assert model.by_name == {"k": {"a", "b"}, ("t", 1): frozenset({"p", "q"})}
assert sorted(kind.value for kind in model.kinds) == ["a", "b", "c"]
assert (model.tags, type(model.tags).__name__, model.tags.owner) == (words, "Tags", {"me", "you"})
kind = model.kind_of_frozen
assert (kind, type(kind).__name__, kind.note) == (words, "Frozen", {"kept", "too"})
assert {item.name for item in model.cyclic} == words and all(item.all is model.cyclic for item in model.cyclic)
assert model.shared[0] is model.shared[1] is model.shared[2]["own"] and model.shared[0] == {"x", "y", "z"}
assert model.empty == [set(), frozenset(), {"one"}] and len(model.many) == 3000
assert len in model.functions and print in model.functions
assert (model("red"), model("pink"), closure("c2"), constants("sorted")) == (True, False, True, True)
assert type(model).allowed == {"nan", "inf", "none"}
print("equal")
"""


def test_sets_are_pickled_to_the_same_bytes_whatever_the_order_of_their_hashes(tmp_path: Path) -> None:
    (tmp_path / "sets.py").write_text(SETS)
    digests = set()
    for seed in ("0", "1", "2", "3", "random"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "sets.py", "out.pkl"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        digests.add(done.stdout)
    assert len(digests) == 1
    (tmp_path / "load.py").write_text(LOAD_SETS)
    assert run(tmp_path, "load.py", "out.pkl") == "equal\n"


def test_a_set_that_does_not_pickle_is_an_error_of_the_user_and_nothing_is_left_of_the_first_try(
    tmp_path: Path,
) -> None:
    file = io.BytesIO(b"before")
    file.seek(0, 2)
    pickling.dump([{"a", "b"}, 1], file)
    assert pickling.load(io.BytesIO(file.getvalue()[6:])) == [{"a", "b"}, 1]
    with pytest.raises(UserError) as caught:
        pickling.dumps([{"a", "b"}, threading.Lock()])
    assert caught.value.code == "not-picklable"


HASHABLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=4)
    | st.binary(max_size=4),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=4),
    max_leaves=12,
)
ANYTHING = st.recursive(
    HASHABLE | st.sets(HASHABLE, max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(HASHABLE, inner, max_size=3),
    max_leaves=15,
)


@given(ANYTHING)
def test_any_data_with_sets_comes_back_equal(value: object) -> None:
    back = pickling.load(io.BytesIO(pickling.dumps(value)))
    assert (back, type(back)) == (value, type(value))


@settings(max_examples=30)
@given(st.lists(HASHABLE, max_size=8, unique=True), st.randoms())
def test_sets_that_were_made_in_another_order_are_the_same_bytes(items: list[object], random: Random) -> None:
    other = list(items)
    random.shuffle(other)
    assert pickling.dumps([set(items), frozenset(items)]) == pickling.dumps([set(other), frozenset(other)])


def test_empty_and_tiny_arrays_beside_a_set_are_pickled() -> None:
    arrays = [
        np.array([]),
        np.array([]),
        np.zeros(1, dtype="int8"),
        np.zeros(1, dtype="int8"),
        np.frombuffer(b"", dtype="int8"),
    ]
    words, *loaded = pickling.load(io.BytesIO(pickling.dumps([{"x", "y"}, *arrays])))
    assert words == {"x", "y"}
    assert [array.tolist() for array in loaded] == [[], [], [0], [0], []]


def test_what_pickles_as_its_name_in_the_script_travels_by_value(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "import functools, sys\n"
        "from typing import NewType\n"
        "from mlem_model.models.pickling import pickles as pickling\n"
        "Row = NewType('Row', int)\n"
        "@functools.lru_cache(maxsize=7)\n"
        "def ten(x): return x * 10\n"
        "def predict(x: Row) -> int: return ten(Row(x)) + 1\n"
        "with open(sys.argv[1], 'wb') as file: pickling.dump((predict, ten), file)\n"
    )
    subprocess.run([sys.executable, str(script), str(tmp_path / "m")], check=True)
    with (tmp_path / "m").open("rb") as file:
        predict, ten = pickling.load(file)
    assert (predict(3), ten(4), ten.cache_info().maxsize, predict.__annotations__["x"].__supertype__) == (
        31,
        40,
        7,
        int,
    )


def test_threads_that_pickle_at_once_do_not_disturb_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "of_the_user.py").write_text("def double(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("of_the_user")
    together, often = threading.Barrier(8), sys.getswitchinterval()

    def save(_number: int) -> set[bytes]:
        together.wait(60)
        return {pickling.dumps(module.double) for _ in range(8)}

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = set().union(*pool.map(save, range(8)))
    finally:
        sys.setswitchinterval(often)
    assert len(found) == 1
    assert pickle.loads(found.pop()) is not module.double  # by value, each time
