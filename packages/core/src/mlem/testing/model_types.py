"""`ModelTypeSuite`: what every model type does: save, load elsewhere, answer alike, refuse what is broken."""

from __future__ import annotations

import json
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from mlem import api
from mlem.testing.standard import Suite
from mlem_model.artifacts.transfer import verified
from mlem_model.artifacts.trust import ASIDES
from mlem_model.data.formats.reading import parse_data
from mlem_model.data.formats.writing import serialize_data
from mlem_model.data.types.any import difference
from mlem_model.models.model import Method, Model
from mlem_model.models.model_type import ModelType
from mlem_model.models.samples import all_samples
from mlem_model.plugins.registry import registry

NAME = "model"
_Kind: TypeAlias = type[ModelType]
ANSWERS = """
import json, sys
from mlem import api
from mlem.api.objects import with_object
from mlem_model.models.samples import all_samples
name, imported = sys.argv[1], sys.argv[2].split(",")
meta = api.load_meta(name)
for module in filter(None, imported):
    __import__(module)
seen = set()
loading = True
CODE = ("pickle.find_class", "os.system")
sys.addaudithook(lambda event, args: seen.add(event) if loading and event in CODE else None)
_, obj = with_object(name, None, served=True)
loading = False
answers = {}
for method, sample in all_samples(meta, meta.folder).items():
    described = meta.methods[method]
    answers[method] = described.returns.encode(described.call(obj, described.decode_args(dict(sample.args))))
print(json.dumps({"answers": answers, "seen": sorted(seen), "module": type(api.load(name)).__module__}))
"""
"""Loads a model in a process of its own, as a server does, and answers the recorded calls."""

BROKEN = """
import json, sys
from mlem import api
from mlem.api import MlemError
told = []
for number in range(int(sys.argv[1])):
    try:
        api.load(f"broken-{number}")
    except MlemError as error:
        told.append(True)
    except BaseException as error:
        told.append(f"{type(error).__name__}: {error}")
    else:
        told.append("loaded")
print(json.dumps(told))
"""
"""Loads broken models; only errors of ours are told as errors should be."""


@pytest.mark.filterwarnings("ignore:.* was installed from this machine")  # a plugin under test always is
class ModelTypeSuite(Suite, ABC):
    """Saves, loads, answers, refuses.

    Example::

        class TestNimbus(ModelTypeSuite):
            type = "nimbus"

            def saved(self, tmp_path):
                return train(), rows
    """

    type: str
    """The word of the model type."""
    runs_code = False
    """Whether loading the format runs code of the file, as a pickle's does."""
    joined = True
    """Whether each row's answer depends on that row alone, so that calls of several callers are joined."""
    crashes = False
    """Whether the framework's own compiled code may end the process at a broken file: then it is loaded elsewhere first
    where a file is somebody else's, as ``mlem import`` does."""
    binary = True
    """Whether what it takes travels in a binary format, too."""

    @abstractmethod
    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        """Return a small trained object, and sample data of several rows."""

    def expected(self, obj: Any, sample: Any) -> Any:
        """Return what the framework itself answers for the sample, for the first method."""
        return obj.predict(sample)

    def options(self) -> Mapping[str, Any]:
        """Return further arguments of `mlem.api.save`."""
        return {}

    @pytest.fixture
    def case(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any, Model]:
        """The object, its sample data, and the metadata of the object as it was saved."""
        folder = tmp_path / "project"
        folder.mkdir()
        monkeypatch.chdir(folder)
        api.init(folder)
        obj, sample = self.saved(tmp_path)
        model = api.save(obj, NAME, sample_data=sample, **self.options())
        if not isinstance(model, Model):
            raise AssertionError(f"it was taken for data, not for a model: {model!r}")
        return obj, sample, model

    @property
    def kind(self) -> _Kind:
        """The model type."""
        found: _Kind = registry().get("model_type", self.type)
        return found

    def test_it_is_chosen_for_its_objects_and_for_no_others(self, case: tuple[Any, Any, Model]) -> None:
        """`matches` says yes to its own objects and no to others, and imports nothing for that.

        When it fails: compare the name of the class in `matches`, so that a subclass or another library's is not taken.
        """
        obj, _, model = case
        assert model.model_type == self.type
        assert {one.format for key, one in model.artifacts.items() if key not in ASIDES} == {self.kind.format}
        assert self.kind.matches(obj)
        assert [other for other in (1, "text", [1.0], object(), len, Path, {}) if self.kind.matches(other)] == []

    def test_loaded_elsewhere_it_answers_alike(self, case: tuple[Any, Any, Model]) -> None:
        """Another process loads it, without the code that made it, and gives the recorded answers to the sample rows.

        Where it differs, `dump` leaves something out, or `served` does not do the same after loading.

        When it fails: write everything that an answer depends on in `dump`, and set it in `load`.
        """
        _, _, model = case
        found = self._elsewhere(model)
        samples = all_samples(model, model.folder)
        assert samples
        wrong = {
            name: difference(sample.returns, found["answers"][name], name)
            for name, sample in samples.items()
            if not _close(sample.returns, found["answers"][name])
        }
        assert wrong == {}

    def test_loading_runs_no_code_of_the_file(self, case: tuple[Any, Any, Model]) -> None:
        """Python's own audit events show what a pickle would do; a native format has to do without.

        When it fails: read the framework's own format; or set ``runs_code``, which users are asked about.
        """
        found = self._elsewhere(case[2])
        assert bool(found["seen"]) == self.runs_code, found["seen"]

    def test_its_answers_are_those_of_the_framework(self, case: tuple[Any, Any, Model]) -> None:
        """What a caller of the loaded model gets for all rows is what the object itself answers for them.

        When it fails: compare what `methods` calls with what the framework's own documentation calls.
        """
        obj, sample, model = case
        name, method = next(iter(model.methods.items()))
        got = method.returns.encode(api.apply(NAME, sample, name))
        assert _close(got, method.returns.encode(self.expected(obj, sample)))

    def test_the_sample_travels_in_every_format(self, case: tuple[Any, Any, Model]) -> None:
        """JSON and a binary format bring the same value to the model.

        When it fails: declare the argument's data type so that it has the wire of an array or a table.
        """
        _, sample, model = case
        name, method = next(iter(model.methods.items()))
        (argument,) = method.args
        answer = method.returns.encode(api.apply(NAME, sample, name))
        tried = {}
        for format_ in ("json", "npy", "arrow"):
            try:
                content = b"".join(_bytes(serialize_data(sample, argument.data_type, format_)))
            except Exception as error:  # a format that the type does not have
                tried[format_] = str(error)
                continue
            back = parse_data(content, format_, "the sample", argument.data_type)
            assert _close(method.returns.encode(_call(method, argument.name, back)), answer), format_
            tried[format_] = ""
        assert tried["json"] == ""
        assert not self.binary or "" in (tried["npy"], tried["arrow"]), tried

    def test_joined_calls_answer_as_single_ones(self, case: tuple[Any, Any, Model]) -> None:
        """`rowwise` promises that a row's answer does not depend on the rows beside it.

        When it fails: return False from `rowwise` for a method whose answers depend on each other, and set ``joined``.
        """
        _, sample, model = case
        name, method = next(iter(model.methods.items()))
        assert method.rowwise == self.joined
        if not self.joined:
            return
        (argument,) = method.args
        rows = argument.data_type.rows(sample)
        assert rows is not None
        assert rows > 1
        together = method.returns.encode(api.apply(NAME, sample, name))
        for row in range(min(rows, 3)):
            part = argument.data_type.part(sample, row, row + 1)
            assert _close(method.returns.encode(api.apply(NAME, part, name)), together[row : row + 1])

    def test_saved_again_it_has_the_same_digest(self, case: tuple[Any, Any, Model]) -> None:
        """No time, no random name, no order of a set is in the artifact: else each save would be a new release.

        When it fails: sort keys, and leave times and random names out of `dump`.
        """
        obj, sample, model = case
        again = api.save(obj, "again", sample_data=sample, **self.options())
        assert again.digest == model.digest

    def test_what_is_broken_is_an_error_and_not_a_crash(self, case: tuple[Any, Any, Model], tmp_path: Path) -> None:
        """A cut file and a file of something else are told as errors, whatever the framework does with them.

        When it fails: check what is read in `load`, and raise a `MlemError` from whatever the framework raises; set
        ``crashes`` where its compiled code ends the process.
        """
        _, _, model = case
        folder = Path(model.folder)
        biggest = max(
            (one for key, one in model.artifacts.items() if key not in ASIDES), key=lambda one: one.size_bytes
        )
        with verified(biggest, folder) as file:
            content = file.read()
        text = (folder / f"{NAME}.mlem").read_text()
        contents = (b"", content[: len(content) // 2], b"\x00" * 100, b"not a model", content[:100] + b"\xff" * 200)
        for number, broken in enumerate(contents):
            (folder / f"broken-{number}").write_bytes(broken)
            record = _with_record(text, biggest.sha256 or "", biggest.size_bytes, broken)
            (folder / f"broken-{number}.mlem").write_text(
                record.replace(f"uri: {biggest.uri}", f"uri: broken-{number}")
            )
        done = self._python(folder, BROKEN, str(len(contents)))
        if self.crashes and done.returncode < 0:
            return
        assert done.returncode == 0, f"it ended by {done.returncode}: {done.stderr[-2000:]}"
        assert json.loads(done.stdout.splitlines()[-1]) == [True] * len(contents), done.stdout

    def _elsewhere(self, model: Model) -> dict[str, Any]:
        modules = ",".join(requirement.module for requirement in model.requirements)
        done = self._python(Path(model.folder), ANSWERS, NAME, modules)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout.splitlines()[-1]))

    @staticmethod
    def _python(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  # the arguments are the test's own
            [sys.executable, "-W", "ignore", "-c", script, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd=folder,
        )


def _call(method: Method, name: str, value: Any) -> Any:
    from mlem.api.objects import with_object

    return method.call(with_object(NAME, None, served=True)[1], {name: value})


def _with_record(text: str, sha256: str, size_bytes: int, content: bytes) -> str:
    import hashlib

    new = hashlib.sha256(content).hexdigest()
    return text.replace(sha256, new).replace(f"size_bytes: {size_bytes}", f"size_bytes: {len(content)}")


def _bytes(parts: Any) -> list[bytes]:
    return [bytes(part) for part in ([parts] if isinstance(parts, bytes | bytearray | memoryview) else parts)]


def _close(one: Any, other: Any) -> bool:
    """Say whether two answers are the same, as far as arithmetic allows."""
    if isinstance(one, float) and isinstance(other, int | float):
        return one == other or abs(one - other) <= 1e-5 * max(1.0, abs(one))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_close(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_close(one[key], other[key]) for key in one)
    return bool(one == other)
