"""What holds for the whole repository."""

from __future__ import annotations

import ast
import collections
import importlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mlem

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
NEEDED_BY_OTHERS = {
    "image": {"mlem_server", "pip"},  # images are made of what is installed; pip is run as a command
    "provider-heroku": {"six"},  # heroku3 imports it and does not declare it
}
"""What a package declares and does not import."""
SOURCES = sorted(path for path in ROOT.glob("packages/*/src/**/*.py"))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_folder_distribution_and_import_package_have_one_name(package: Path) -> None:
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    assert project["name"] == f"mlem-{package.name}"
    folder = package / "src" / ("mlem" if package.name == "core" else f"mlem_{package.name.replace('-', '_')}")
    assert (folder / "py.typed").exists()
    assert (package / "README.md").read_text().startswith(f"# mlem-{package.name}")


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_every_import_is_declared_by_the_package_that_makes_it(package: Path) -> None:
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    extras = [requirement for group in project.get("optional-dependencies", {}).values() for requirement in group]
    declared = {
        re.split(r"[^A-Za-z0-9_.-]", requirement)[0].lower() for requirement in [*project["dependencies"], *extras]
    }
    names = {
        "pyyaml": "yaml",
        "sagemaker-core": "sagemaker",
        "ruamel.yaml": "ruamel",
        "pillow": "PIL",
        "protobuf": "google",
        "mlem-core": "mlem",
        "backports.zstd": "backports",
        "pyelftools": "elftools",
        "cyclonedx-python-lib": "cyclonedx",
        "packageurl-python": "packageurl",
        "pynacl": "nacl",
    }
    importable = {names.get(name, name.replace("-", "_")) for name in declared} | {
        "pydantic_core",
        package_module(package),
    }
    # What a user's own data and models are made of: imported only where the user has it.
    importable |= {"numpy", "pandas", "sklearn", "pyarrow"}
    importable.add("compression")  # of the standard library since Python 3.14
    if any(name.startswith("opentelemetry_") for name in importable):
        importable.add("opentelemetry")
    if package.name == "core":
        importable.add("mlem_server")  # mlem serve asks for it, and says how to install it
    found = {name for path in package.glob("src/**/*.py") for name in imported(path)}
    assert found - importable - set(sys.stdlib_module_names) == set()
    always = {re.split(r"[^A-Za-z0-9_.-]", requirement)[0].lower() for requirement in project["dependencies"]}
    unused = {names.get(name, name.replace("-", "_")) for name in always} - found
    assert unused == NEEDED_BY_OTHERS.get(package.name, set()), "declared, and imported by no module"


def package_module(package: Path) -> str:
    return next(path.name for path in (package / "src").iterdir() if path.is_dir())


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_no_room_has_more_than_a_dozen_modules() -> None:
    modules = [path for path in SOURCES if path.name != "__init__.py"]
    rooms = collections.Counter(path.parent for path in modules)
    assert {str(room): count for room, count in rooms.items() if count > 12} == {}


def test_no_module_is_longer_than_400_lines() -> None:
    others = [path for folder in ("tools", "benchmarks", "examples") for path in (ROOT / folder).glob("**/*.py")]
    assert {
        str(path): length for path in [*SOURCES, *others] if (length := len(path.read_text().splitlines())) > 400
    } == {}


@pytest.mark.parametrize(
    "folder", [*PACKAGES, *(made.parent for made in ROOT.glob("examples/*/pyproject.toml"))], ids=lambda path: path.name
)
def test_every_distribution_has_the_licence(folder: Path) -> None:
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_every_decision_is_in_the_index_under_its_title() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"^- \[(\d+)\. (.+)\]\((\d{4}-.+\.md)\)$", (folder / "index.md").read_text(), re.MULTILINE)
    titles = {
        path.name: re.sub(r"^# (\d+\. )?", "", path.read_text().splitlines()[0]) for path in folder.glob("[0-9]*.md")
    }
    assert {file: title for _, title, file in listed} == titles
    assert (
        [file[:4] for _, _, file in listed]
        == [f"{int(number):04}" for number, _, _ in listed]
        == sorted(file[:4] for file in titles)
    )


def test_importing_the_core_is_cheap() -> None:
    script = (
        "import sys, mlem, mlem.cli.main; "
        "print(*sorted(set(sys.modules) & {'pydantic', 'yaml', 'fsspec', 'numpy', 'rich'}))"
    )
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip() == ""
    )


def test_help_and_status_load_no_sdk(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom mlem.cli.main import main\n"
        "try:\n    main(['deployment', 'status', 'nothing'])\nexcept SystemExit:\n    pass\n"
        "slow = {'docker', 'heroku3', 'boto3', 'botocore', 'sagemaker', 'fsspec', 'httptools', 'urllib3', 'uvicorn', "
        "'rich', 'numpy', 'cyclonedx', 'cryptography', 'nacl'}\n"
        "print(*sorted(set(sys.modules) & slow))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == ""


def test_nothing_that_is_committed_names_a_registry_or_a_machine() -> None:
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    hosts = re.compile(
        "|".join(
            [
                "pythonhosted" + r"\.org",
                r"pypi\.org" + "/simple",
                "registry" + r"\.npmjs",
                "download" + r"\.pytorch",
                "deb" + r"\.debian\.org",
            ]
        )
    )
    found = [
        name for name in files if (ROOT / name).is_file() and hosts.search((ROOT / name).read_text(errors="ignore"))
    ]
    assert (found, [name for name in files if name.endswith("uv.lock")]) == ([], [])


@pytest.mark.parametrize("module", ["mlem", "mlem.provider", "mlem_image", "mlem_provider_docker"])
def test_every_public_name_is_found_and_sorted(module: str) -> None:
    found = importlib.import_module(module)
    homes = {name: getattr(found, name) for name in found.__all__}
    assert (sorted({*homes} - {"__version__"}), set(homes)) == (sorted(found._HOMES), {*found.__all__})
    with pytest.raises(AttributeError, match="nothing"):
        _ = found.nothing


def test_the_version_is_that_of_the_distribution() -> None:
    assert mlem.__version__ == importlib.metadata.version("mlem-core")


def test_mlem_and_mlem_provider_import_what_is_used_when_it_is_used() -> None:
    script = "import sys, mlem, mlem.provider; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    roots = ("mlem", "pydantic", "pluggy", "importlib.metadata")
    assert {name for name in done.stdout.split() if name.startswith(roots)} == {"mlem", "mlem.provider"}
