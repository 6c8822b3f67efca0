"""Check what a release would upload: built twice to the same bytes, described, installed from wheels alone, and used.

    python tools/release.py FOLDER PYTHON...

FOLDER gets the wheels, the source distributions and an SBOM (CycloneDX) of an environment that has all of them. Each
PYTHON, a version or a program, gets environments that have nothing but the wheels and what they need.
"""

from __future__ import annotations

import email
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETS: dict[str, list[str]] = {
    "a model": ["mlem-model"],
    "a server": ["mlem-server"],
    "the demo": ["mlem-provider-local"],
    "all": [
        *("mlem-provider-docker", "mlem-provider-heroku", "mlem-provider-local", "mlem-provider-sagemaker"),
        *("mlem-image[sign]", "mlem-state-s3", "mlem-heroku-simulator"),
    ],
}
"""What people install, by what it is for."""
_RELATIVE = re.compile(r"\]\((?!https?://|#)[^)]*\)")


def run(*words: str | Path, env: dict[str, str] | None = None, folder: Path | None = None) -> str:
    """Run a command, and return what it prints."""
    done = subprocess.run(
        words, env={**os.environ, **(env or {})}, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def build(folder: Path) -> dict[str, str]:
    """Build every distribution; return the SHA-256 of each file."""
    epoch = run("git", "log", "-1", "--format=%ct", folder=ROOT).strip()
    for package in sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml")):
        words = ("--no-isolation", "--wheel", "--sdist", "--outdir", folder, package)
        run(sys.executable, "-m", "build", *words, env={"SOURCE_DATE_EPOCH": epoch})
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def complaints(path: Path) -> Iterator[str]:
    """Say what a distribution's metadata lacks."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            text = archive.read(next(name for name in names if name.endswith(".dist-info/METADATA"))).decode()
    else:
        with tarfile.open(path) as archive:
            names = archive.getnames()
            file = archive.extractfile(next(name for name in names if name.endswith("/PKG-INFO")))
            text = file.read().decode() if file is not None else ""
    found = email.message_from_string(text)
    if not found["License-Expression"]:
        yield "no license"
    if not any(name.rpartition("/")[2] == "LICENSE" for name in names):
        yield "no text of the license"
    if path.suffix == ".whl" and not any(name.endswith("/py.typed") for name in names):
        yield "no py.typed"
    if not any(value.startswith("Programming Language :: Python :: 3.") for value in found.get_all("Classifier", [])):
        yield "no classifier that names a Python"
    yield from (f"a relative link: {link}" for link in _RELATIVE.findall(str(found.get_payload())))


def environment(folder: Path, python: str, packages: Sequence[str], work: Path) -> Path:
    """Make an environment with packages from wheels alone; return its folder of programs."""
    made = work / "venv"
    shutil.rmtree(made, ignore_errors=True)
    run("uv", "venv", "--quiet", "--python", python, made)
    own = [f"{name}=={version()}" for name in packages]
    run("uv", "pip", "install", "--quiet", "--python", made, "--only-binary", ":all:", "--find-links", folder, *own)
    run("uv", "pip", "check", "--quiet", "--python", made)
    return made / "bin"


def version() -> str:
    """Return the version of all packages."""
    found = {
        re.search(r'^version = "([^"]+)"', path.read_text(), re.MULTILINE)[1]  # type: ignore[index]  # each has one
        for path in ROOT.glob("packages/*/pyproject.toml")
    }
    if len(found) != 1:
        raise SystemExit(f"the packages have several versions: {sorted(found)}")
    return found.pop()


def use(programs: Path, packages: Sequence[str], work: Path) -> None:
    """Use what is installed as somebody does who has nothing else."""
    home = {"HOME": str(work), "XDG_STATE_HOME": str(work / "state"), "PATH": f"{programs}:{os.environ['PATH']}"}
    if packages == ["mlem-model"]:
        run(programs / "python", "-c", "import mlem_model.models.saving", env=home)
    elif packages == ["mlem-server"]:
        run(programs / "mlem-server", "--help", env=home)
    else:
        shown = run(programs / "mlem", "plugins", env=home, folder=work)
        if "broken" in shown:
            raise SystemExit(shown)
        run(programs / "mlem", "types", "--schema", env=home, folder=work)
        try:
            said = run(programs / "mlem", "demo", "demo", env=home, folder=work)
            if "virginica" not in said:
                raise SystemExit(said)
        finally:
            run(programs / "mlem", "deployment", "remove", "demo", env=home, folder=work / "demo")


def main(target: str, *pythons: str) -> None:
    """Check all, and say what was checked."""
    folder = Path(target).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for earlier in (*folder.glob("mlem_*"), *folder.glob("sbom-*.cdx.json")):
        earlier.unlink()
    made = build(folder)
    with tempfile.TemporaryDirectory(prefix="mlem-release-") as other:
        again = build(Path(other))
    differing = sorted(name for name, digest in made.items() if again.get(name) != digest)
    if differing:
        raise SystemExit(f"built twice, these are not the same: {', '.join(differing)}")
    print(f"{len(made)} files, built twice to the same bytes")
    run("twine", "check", "--strict", *(folder / name for name in sorted(made)))
    told = [f"{name}: {complaint}" for name in sorted(made) for complaint in complaints(folder / name)]
    if told:
        raise SystemExit("\n".join(told))
    print("licenses, types, classifiers and links are right")
    for python in pythons:
        for what, packages in SETS.items():
            with tempfile.TemporaryDirectory(prefix="mlem-release-") as work:
                programs = environment(folder, python, packages, Path(work))
                use(programs, packages, Path(work))
                if what == "all":
                    sbom = ("environment", programs / "python", "--of", "JSON", "--output-reproducible")
                    minor = run(programs / "python", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
                    run("cyclonedx-py", *sbom, "-o", folder / f"sbom-{minor}.cdx.json")
            print(f"{python}: {what}: installed from wheels, and used")


if __name__ == "__main__":
    main(*sys.argv[1:])
