"""Where installed packages came from, with packages that pip has really installed into an environment of their own."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest

from mlem_model.artifacts.packages.origins import Origin, _origin

PROJECT = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "{name}"
version = "{version}"
[tool.setuptools]
packages = ["{name}"]
[tool.setuptools.package-data]
{name} = ["*.so"]
"""
PLUGIN = """
[project.entry-points.mlem]
{name} = "{name}"
"""
CODE = "from {name}.rates import RATE\n\ndef price(x):\n    return x * RATE\n"
MODEL_TYPE = """
from mlem import hookimpl
from mlem_model.models.model_type import ModelType

class Scale:
    def __init__(self, factor):
        self.factor = factor
    def __call__(self, x):
        return x * self.factor

class ScaleModel(ModelType):
    type = "scale"
    format = "scale"

    @classmethod
    def matches(cls, obj):
        return isinstance(obj, Scale)

    @classmethod
    def methods(cls, obj):
        return {"predict": "__call__"}

    @classmethod
    def dump(cls, obj, file):
        file.write(str(obj.factor).encode())
        return frozenset()

    @classmethod
    def load(cls, file, requirements=(), trusted=()):
        return Scale(float(file.read()))

@hookimpl
def mlem_model_types():
    return [ScaleModel]
"""
SAVE = """
import importlib, json, logging, sys, warnings
import mlem.api, mlem_model.models.pickling.pickles
from pathlib import Path

def use(name):
    module = importlib.import_module(name)
    return module.Scale(2.0) if hasattr(module, "Scale") else module.price

logging.basicConfig(format="%(message)s")
found = {}
for name in sys.argv[1:]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        saved = mlem.api.save(use(name), f"out/{name}", sample_data=3.0)
    found[name] = {
        "pip": [requirement.pip for requirement in saved.requirements if requirement.module != "cloudpickle"],
        "code": saved.code is not None,
        "said": [str(warning.message) for warning in caught],
    }
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Environment:
    python: Path
    folder: Path
    url: str

    def run(self, *arguments: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            [self.python, *arguments], cwd=cwd or self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def save(self, *names: str) -> Any:
        return json.loads(self.run("-c", SAVE, *names))


def package(folder: Path, name: str, version: str = "1.0", *, code: str = CODE, more: str = "") -> Path:
    (folder / name / name).mkdir(parents=True)
    (folder / name / "pyproject.toml").write_text(PROJECT.format(name=name, version=version) + more.format(name=name))
    (folder / name / name / "__init__.py").write_text(code.replace("{name}", name))
    (folder / name / name / "rates.py").write_text("RATE = 2.0\n")
    return folder / name


def git(*arguments: str, cwd: Path) -> str:
    who = {f"GIT_{role}_{key}": "test" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    command = ["git", "-c", "init.defaultBranch=main", *arguments]
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **who}, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An environment that has what this one has, and packages of the user's from everywhere."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    site = Path(
        subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        ).strip()
    )
    (site / "parent.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    (folder / ".mlem.yaml").touch()

    sources = folder / "sources"
    for name in ("from_folder", "in_development", "from_file", "from_git", "from_site"):
        package(sources, name)
    package(sources, "labelled", "1.2.3+cu128")
    package(sources, "plugged", code=MODEL_TYPE, more=PLUGIN)
    compiled = package(sources, "compiled", code="from compiled._queue import SimpleQueue\n" + CODE)
    own = package(sources, "mixed", code="from mixed._queue import SimpleQueue\n" + CODE)
    import _queue

    for target in (compiled / "compiled", own / "mixed"):
        shutil.copy(_queue.__file__, target / f"_queue{EXTENSION_SUFFIXES[0]}")
    repository = sources / "from_git"
    git("init", "-q", cwd=repository)
    git("add", ".", cwd=repository)
    git("commit", "-qm", "all", cwd=repository)
    (folder / "served").mkdir()
    git("clone", "-q", "--bare", str(repository), str(folder / "served" / "shop.git"), cwd=folder)
    git("update-server-info", cwd=folder / "served" / "shop.git")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder / "served")))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    made = Environment(python, folder, url)
    pip = ("-m", "pip", "-q", "--disable-pip-version-check")
    made.run(*pip, "install", "setuptools>=77")
    alone = ("--no-deps", "--no-build-isolation")  # with what was just installed: once for all
    wheel = (*pip, "wheel", *alone, "-w")
    made.run(*wheel, "wheels", *(f"./sources/{name}" for name in ("from_file", "labelled")))
    made.run(*wheel, "served", "./sources/from_site")
    made.run(
        *pip, "install", *alone, "./sources/from_folder", "./sources/compiled", "wheels/from_file-1.0-py3-none-any.whl"
    )
    made.run(*pip, "install", *alone, f"{url}/from_site-1.0-py3-none-any.whl", f"from_git @ git+{url}/shop.git@main")
    made.run(*pip, "install", "--no-deps", "--no-index", "--find-links", "wheels", "labelled")
    made.run(
        *pip, "install", *alone, "-e", "./sources/in_development", "-e", "./sources/plugged", "-e", "./sources/mixed"
    )
    yield made
    server.shutdown()
    server.server_close()


def test_modules_of_a_folder_of_this_machine_travel_with_the_model(environment: Environment) -> None:
    names = ("from_folder", "in_development", "from_file")
    assert environment.save(*names) == {name: {"pip": [], "code": True, "said": []} for name in names}
    load = (
        "import sys; sys.path.insert(0, ''); import mlem.api; "
        "print(*(mlem.api.load(f'out/{name}')(5.0) for name in sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", load, *names], cwd=environment.folder, capture_output=True, text=True, check=False
    )
    assert done.stdout == "10.0 10.0 10.0\n", done.stderr


def test_an_address_is_a_requirement_with_its_commit_or_its_digest(environment: Environment) -> None:
    commit = git("rev-parse", "HEAD", cwd=environment.folder / "served" / "shop.git")
    found = environment.save("from_git", "from_site")
    assert found["from_git"] == {
        "pip": [f"from_git @ git+{environment.url}/shop.git@{commit}"],
        "code": False,
        "said": [],
    }
    (pin,) = found["from_site"]["pip"]
    assert pin.startswith(f"from_site @ {environment.url}/from_site-1.0-py3-none-any.whl#sha256=")
    environment.run(
        "-m",
        "pip",
        "-q",
        "install",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        "again",
        *found["from_git"]["pip"],
        pin,
    )
    assert sorted(path.name for path in (environment.folder / "again").iterdir() if "." not in path.name) == [
        "from_git",
        "from_site",
    ]


def test_a_label_of_a_build_is_left_out_and_told(environment: Environment) -> None:
    assert environment.save("labelled") == {"labelled": {"pip": ["labelled==1.2.3"], "code": False, "said": []}}
    code = "import sys, mlem.api, labelled; mlem.api.save(labelled.price, 'out/again', sample_data=1.0)"
    done = subprocess.run(
        [environment.python, "-c", code], cwd=environment.folder, capture_output=True, text=True, check=True
    )
    assert done.stderr == "labelled is installed as 1.2.3+cu128: servers get labelled==1.2.3\n"


def test_what_neither_travels_nor_is_in_an_index_is_told(environment: Environment) -> None:
    found = environment.save("plugged", "compiled", "mixed")
    last = "publish a wheel of it in a package index"
    assert found["plugged"] == {
        "pip": [],
        "code": False,
        "said": [
            "the model needs plugged of plugged, which was installed from this machine: "
            f"a server without it can't load the model; {last}"
        ],
    }
    assert found["compiled"] == {
        "pip": ["compiled==1.0"],
        "code": False,
        "said": [
            "compiled was installed from this machine and has compiled parts, so it can't be saved with the model: "
            f"servers look for it in their package index; {last}"
        ],
    }
    assert found["mixed"]["said"] == [
        "the model needs mixed of mixed, which was installed from this machine: "
        f"a server without it can't load the model; {last}"
    ]


def test_a_folder_that_was_built_is_no_installed_distribution(tmp_path: Path) -> None:
    """Setuptools leaves its metadata beside the sources, where importlib.metadata finds it for a script beside them."""
    package(tmp_path, "shop")
    (tmp_path / "shop" / "shop.egg-info").mkdir()
    (tmp_path / "shop" / "shop.egg-info" / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
    (tmp_path / "shop" / "shop.egg-info" / "top_level.txt").write_text("shop\n")
    code = (
        "import shop, mlem_model.artifacts.packages.requirements as r; "
        "print(r.is_local('shop.rates'), r.resolve({'shop'}), r.complaints({'shop'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "shop", capture_output=True, text=True, check=False
    )
    said = (
        "the model needs shop of shop, which was installed from this machine: a server without it can't load the model"
    )
    assert done.stdout == f"True () {(said,)!r}\n", done.stderr


class Installed:
    """A distribution with metadata of a test's choice."""

    def __init__(self, direct_url: Any, installer: str = "pip", files: tuple[str, ...] = ()) -> None:
        self.texts = {
            "direct_url.json": direct_url if isinstance(direct_url, str) else json.dumps(direct_url),
            "INSTALLER": installer,
        }
        self.files = files

    def read_text(self, name: str) -> str | None:
        return self.texts.get(name)


@pytest.mark.parametrize(
    ("direct", "expected"),
    [
        ("", Origin("index")),
        ("{", Origin("index")),
        ("[]", Origin("index")),
        ({"url": 1}, Origin("index")),
        ({"url": "file:///home/me/shop", "dir_info": {}}, Origin("folder")),
        (
            {"url": "file:///home/me/my%20shop", "dir_info": {"editable": True}},
            Origin("folder", source="/home/me/my shop/"),
        ),
        ({"url": "file:///home/me/shop.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}, Origin("folder")),
        ({"url": "file:///home/me/shop-1-py3-none-any.whl", "archive_info": {}}, Origin("folder")),
        (
            {
                "url": "https://host/shop.git",
                "vcs_info": {"vcs": "git", "commit_id": "abc", "requested_revision": "main"},
                "subdirectory": "py",
            },
            Origin("address", "git+https://host/shop.git@abc#subdirectory=py"),
        ),
        (
            {"url": "ssh://git@host/shop.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            Origin("address", "git+ssh://git@host/shop.git@abc"),
        ),
        (
            {"url": "https://me:s3cret@host/shop", "vcs_info": {"vcs": "hg", "commit_id": "1"}},
            Origin("address", "hg+https://host/shop@1"),
        ),
        (
            {"url": "https://t0ken@host/shop", "vcs_info": {"vcs": "git", "commit_id": "1"}},
            Origin("address", "git+https://host/shop@1"),
        ),
        (
            {
                "url": "https://host/a.zip",
                "archive_info": {"hash": "sha256=1", "hashes": {"sha256": "1"}},
                "subdirectory": "b",
            },
            Origin("address", "https://host/a.zip#sha256=1&subdirectory=b"),
        ),
        (
            {"url": "https://host/a.zip", "archive_info": {"hash": "sha256=1"}},
            Origin("address", "https://host/a.zip#sha256=1"),
        ),
        ({"url": "https://host/a.zip", "archive_info": {}}, Origin("address", "https://host/a.zip")),
    ],
)
def test_an_origin_is_read_as_the_standard_has_it(direct: Any, expected: Origin) -> None:
    assert _origin(Installed(direct)) == expected  # type: ignore[arg-type]  # as much of a distribution as is asked for


def test_a_distribution_of_conda_says_where_it_was_built_not_where_it_came_from() -> None:
    direct = {"url": "file:///home/conda/feedstock_root/work", "dir_info": {}}
    assert _origin(Installed(direct, "conda")) == Origin("index")  # type: ignore[arg-type]  # see above


def test_compiled_files_keep_a_distribution_from_travelling() -> None:
    direct = {"url": "file:///shop", "dir_info": {}}
    for files, travels in ((("a.py", "b.json"), True), (("a.py", f"b{EXTENSION_SUFFIXES[0]}"), False)):
        assert _origin(Installed(direct, files=files)).travels is travels  # type: ignore[arg-type]  # see above
