"""A wheel becomes what pip makes of it, for another machine too."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mlem import ConflictError, DeclarationError, NotFoundError
from mlem_image.packages.bytecode import Bytecode
from mlem_image.packages.libraries import debian_package
from mlem_image.packages.locked import read_lock
from mlem_image.packages.target import Target
from mlem_image.recipes import wheels
from mlem_image.wheels.installed import installed

VENV, PACKAGES = "venv", "venv/lib/python3.11/site-packages"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def wheel(path: Path, files: dict[str, str]) -> Path:
    """Write a wheel of the package `some`."""
    info = "some-1.0.dist-info"
    whole = {**files, f"{info}/WHEEL": WHEEL, f"{info}/METADATA": "Metadata-Version: 2.1\nName: some\nVersion: 1.0\n"}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in whole.items():
            archive.writestr(name, content)
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in [*whole, f"{info}/RECORD"]))
    return path


def test_it_is_what_pip_installs(tmp_path: Path) -> None:
    """File by file; pip leaves out nothing but who asked for it, and the record says so."""
    for made in wheels.pack():
        (tmp_path / made.name).write_bytes(made.data)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", "--no-deps", "--no-compile", *tmp_path.glob("*.whl")]
    before = {path for path in (tmp_path / "venv").rglob("*") if path.is_file()}
    subprocess.run(install, check=True)
    by_pip = {path for path in (tmp_path / "venv").rglob("*") if path.is_file()} - before
    ours: dict[str, bytes] = {}
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for made in wheels.pack():
        with installed(io.BytesIO(made.data), made.name, "venv", f"venv/lib/{version}/site-packages") as entries:
            ours |= {entry.path: entry.open().read() for entry in entries if entry.open is not None}
    theirs = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in by_pip}
    of_pip_alone = ("REQUESTED", "direct_url.json")
    assert {name for name in theirs if not name.endswith(of_pip_alone)} == set(ours)
    for name, content in ours.items():
        if not name.endswith(("RECORD", "INSTALLER", "/bin/mlem-server")):
            assert content == theirs[name], name
    assert ours["venv/bin/mlem-server"].startswith(b"#!/venv/bin/python\n")


def test_scripts_and_data_go_where_they_belong(tmp_path: Path) -> None:
    made = wheel(
        tmp_path / "some-1.0-py3-none-any.whl",
        {
            "some.py": "x = 1\n",
            "some-1.0.data/scripts/tool": "#!python\nprint(1)\n",
            "some-1.0.data/data/share/some.txt": "text",
            "some-1.0.dist-info/entry_points.txt": "[console_scripts]\nrun-some = some:main\n",
        },
    )
    with installed(made, made.name, VENV, PACKAGES) as entries:
        found = {entry.path: (entry.mode, entry.open().read()) for entry in entries if entry.open is not None}
    assert found["venv/bin/tool"] == (0o755, b"#!/venv/bin/python\nprint(1)\n")
    assert found["venv/share/some.txt"] == (0o644, b"text")
    assert b"from some import main" in found["venv/bin/run-some"][1]
    record = found[f"{PACKAGES}/some-1.0.dist-info/RECORD"][1].decode()
    assert "../../../bin/tool," in record
    assert "../../../share/some.txt," in record


@pytest.mark.parametrize("name", ["../../etc/passwd", "some/../../../x", "/etc/passwd"])
def test_a_wheel_that_writes_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    made = wheel(tmp_path / "some-1.0-py3-none-any.whl", {name: "x"})
    with pytest.raises(ConflictError), installed(made, made.name, VENV, PACKAGES) as entries:  # noqa: PT012
        assert [entry.path for entry in entries if not entry.path.startswith(f"{PACKAGES}/")] == []
        raise ConflictError("it is inside")


def test_what_is_no_wheel_is_told(tmp_path: Path) -> None:
    path = tmp_path / "some-1.0-py3-none-any.whl"
    path.write_bytes(b"no zip")
    with pytest.raises(ConflictError, match="not a wheel"), installed(path, path.name, VENV, PACKAGES):
        pass


def test_modules_are_compiled_to_the_same_bytes_each_time(tmp_path: Path) -> None:
    files = {f"some/m{number}.py": f"def f(a, b={number}):\n    return {{a, 'x', 'y'}}\n" for number in range(30)}
    files |= {"some/broken.py": "def (:\n", "some/tests/test_x.py": "x = 1\n", "some/text.txt": "no"}
    made = wheel(tmp_path / "some-1.0-py3-none-any.whl", files)
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"

    def compiled() -> dict[str, bytes]:
        with installed(made, made.name, VENV, PACKAGES) as entries, Bytecode(python) as bytecode:
            assert bytecode.compiled_by
            return {
                one.path: one.open().read()
                for one in bytecode.added(entries)
                if one.open is not None and one.path.endswith(".pyc")
            }

    first = compiled()
    assert len(first) == 30
    assert first == compiled()
    target = tmp_path / "alone"
    target.mkdir()
    tag = f"cpython-{python.replace('.', '')}"
    (target / "m7.pyc").write_bytes(first[f"{PACKAGES}/some/__pycache__/m7.{tag}.pyc"])
    done = subprocess.run(
        [sys.executable, "-c", "import m7; print(sorted(m7.f(1), key=str), m7.__cached__)"],
        cwd=target,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("[1, 'x', 'y']")


def test_a_python_that_is_not_here_compiles_nothing() -> None:
    with Bytecode("3.3") as bytecode:
        assert bytecode.compiled_by == ""
        assert list(bytecode.added([])) == []


def test_tags_are_those_of_the_other_machine() -> None:
    glibc = [str(tag) for tag in Target("3.11", "arm64", "glibc 2.36").tags]
    assert {"cp311-cp311-manylinux_2_36_aarch64", "cp311-abi3-manylinux2014_aarch64", "py3-none-any"} <= set(glibc)
    assert not any("x86_64" in tag or "manylinux_2_37" in tag for tag in glibc)
    musl = [str(tag) for tag in Target("3.12", "amd64", "musl 1.2").tags]
    assert "cp312-cp312-musllinux_1_2_x86_64" in musl
    assert not any("manylinux" in tag for tag in musl)
    with pytest.raises(DeclarationError, match="riscv64"):
        Target("3.11", "riscv64", "glibc 2.36")


def test_the_best_wheel_is_taken_and_a_package_without_one_is_named() -> None:
    def lock(*files: str) -> str:
        listed = ", ".join(f'{{url = "https://x/{f}", hashes = {{sha256 = "{i:064d}"}}}}' for i, f in enumerate(files))
        return f'lock-version = "1.0"\n[[packages]]\nname = "some"\nversion = "1.0"\nwheels = [{listed}]\n'

    target = Target("3.11", "amd64", "glibc 2.36")
    names = [
        "some-1.0-py3-none-any.whl",
        "some-1.0-cp311-cp311-manylinux_2_17_x86_64.whl",
        "some-1.0-cp311-cp311-manylinux_2_39_x86_64.whl",
        "some-1.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        "some-1.0-cp312-cp312-manylinux_2_28_x86_64.whl",
    ]
    (found,) = read_lock(lock(*names), target)
    assert found.file == names[3]
    with pytest.raises(NotFoundError, match=r"some 1.0 has no wheel for amd64, glibc 2.36 and Python 3.11"):
        read_lock(lock(names[2], names[4]), target)


@pytest.mark.parametrize(
    ("library", "package"),
    [("libgomp.so.1", "libgomp1"), ("libX11.so.6", "libx11-6"), ("libGL.so.1", "libgl1"), ("libSM.so.6", "libsm6")],
)
def test_debian_calls_a_library_by_its_version(library: str, package: str) -> None:
    assert debian_package(library) == package
