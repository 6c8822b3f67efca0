"""What goes into an image: the recipe, the Dockerfile, the context."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlem import ConflictError, DeclarationError, Model, NotFoundError, api
from mlem.testing import Project
from mlem_image import ImageOptions
from mlem_image.recipes import wheels
from mlem_image.recipes.recipe import Recipe, build_arguments, pip_environment
from mlem_model.artifacts.packages.requirement import Requirement
from mlem_provider_docker.builders import DockerBuilder
from mlem_provider_docker.images import context, dockerfile
from mlem_provider_docker.images.build import ImageBuild

MODEL = Model(
    model_type="sklearn",
    artifacts={},
    methods={},
    requirements=(
        Requirement(module="sklearn", version="1.9.1", package_name="scikit-learn"),
        Requirement(module="numpy", version="2.4.6", package_name="numpy"),
    ),
    python="3.11.7",
)
HADOLINT = Path(sys.executable).with_name("hadolint")
LABELS = {"mlem.model_hash": "abc", "mlem.deployment": "apps/iris"}


def test_the_image_gets_what_was_saved_with_the_model() -> None:
    recipe = Recipe.of(ImageOptions(), MODEL)
    assert recipe == Recipe(
        python="3.11",
        base_image="python:3.11-slim",
        builder_image="python:3.11-slim",
        requirements=("scikit-learn==1.9.1", "numpy==2.4.6"),
        distributions=("mlem-model", "mlem-server"),
        own=wheels.needed(),
        pip_arguments=(),
        build_arguments=(),
        passed=(),
        ca_digest="",
        platform="",
        server=wheels.digest(),
        published=False,
        any_python=False,
        resolution="",
    )


def test_libraries_that_wheels_need_are_installed_and_another_model_keeps_its_image() -> None:
    without = Recipe.of(ImageOptions(), MODEL)
    assert "apt-get" not in dockerfile.render(without, LABELS)
    needs = MODEL.model_copy(update={"system_packages": ("libgomp1",)})
    recipe = Recipe.of(ImageOptions(system_packages=["libgl1", "libgomp1=12.2.0-14+deb12u1"]), needs)
    assert recipe.system_packages == ("libgl1", "libgomp1=12.2.0-14+deb12u1")
    final = dockerfile.render(recipe, LABELS).partition(f"FROM {recipe.base_image}\n")[2]
    assert "apt-get install --yes --quiet --no-install-recommends libgl1 libgomp1=12.2.0-14+deb12u1 &&" in final
    assert final.index("apt-get") < final.index(dockerfile.COPY_PACKAGES), "other packages do not install it anew"
    assert recipe.digest != without.digest
    assert without.digest == Recipe.of(ImageOptions(system_packages=[]), MODEL).digest


def test_a_package_of_the_user_takes_the_place_of_the_models() -> None:
    recipe = Recipe.of(ImageOptions(packages=["NumPy==2.1.0", "boto3"]), MODEL)
    assert recipe.requirements == ("scikit-learn==1.9.1", "NumPy==2.1.0", "boto3")


@pytest.mark.parametrize(
    ("saved", "wanted"), [("xgboost", "xgboost-cpu"), ("xgboost", "XGBoost_CPU"), ("tensorflow_cpu", "tensorflow")]
)
def test_a_package_without_cuda_takes_the_place_of_the_one_with_it(saved: str, wanted: str) -> None:
    needed = Requirement(module="it", version="3.2.0", package_name=saved)
    model = MODEL.model_copy(update={"requirements": (*MODEL.requirements, needed)})
    recipe = Recipe.of(ImageOptions(packages=[f"{wanted}==3.2.0"]), model)
    assert recipe.requirements == ("scikit-learn==1.9.1", "numpy==2.4.6", f"{wanted}==3.2.0")


def test_packages_are_installed_from_where_they_came() -> None:
    ours = (
        Requirement(module="shop", version="1.0", package_name="shop", url="git+https://host/shop@abc"),
        Requirement(module="torch", version="2.5.1+cpu", package_name="torch"),
    )
    model = MODEL.model_copy(update={"requirements": ours})
    recipe = Recipe.of(ImageOptions(packages=["boto3"]), model)
    assert recipe.requirements == ("shop @ git+https://host/shop@abc", "torch==2.5.1", "boto3")
    assert recipe.has_repositories
    assert (recipe.builder_image, recipe.base_image) == ("python:3.11", "python:3.11-slim")  # the slim one has no git
    assert Recipe.of(ImageOptions(base_image="mine"), model).builder_image == "mine"
    assert Recipe.of(ImageOptions(packages=["a @ git+ssh://git@host/a"]), MODEL).builder_image == "python:3.11"
    assert Recipe.of(ImageOptions(packages=["a @ https://host/a.whl"]), MODEL).builder_image == "python:3.11-slim"


def test_the_dockerfile_chooses_packages_then_installs_them_by_their_hashes_and_has_the_model_last() -> None:
    recipe = Recipe.of(
        ImageOptions(mlem_version="0.5.0", pip_arguments=["--prefer-binary"], build_arguments={"A": "1"}), MODEL
    )
    digest = recipe.requirements_digest
    lines = dockerfile.render(recipe, LABELS).splitlines()
    install = (
        "RUN pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check --no-input "
        "--prefer-binary"
    )
    check = next(line for line in lines if "python -m venv" in line)
    harden = next(line for line in lines if line.startswith("RUN ["))
    health = next(line for line in lines if line.startswith("HEALTHCHECK"))
    assert lines == [
        dockerfile.HEADER,
        "FROM python:3.11-slim AS pins",
        f'LABEL mlem.stage="builder" mlem.builder="{digest}"',
        "USER 0",
        "ARG A",
        check,
        "COPY requirements.txt write_pins.py /build/",
        f"{install} --dry-run --report /build/report.json -r /build/requirements.txt"
        " && python /build/write_pins.py /build/report.json /build/pins",
        'LABEL mlem.server="0.5.0"',
        "",
        "FROM python:3.11-slim AS builder",
        f'LABEL mlem.stage="builder" mlem.builder="{digest}"',
        "USER 0",
        "ARG A",
        check,
        "COPY --from=pins /build/pins /venv/pins",
        f"{install} --no-deps --require-hashes -r /venv/pins/hashed.txt",
        'LABEL mlem.server="0.5.0"',
        "",
        "FROM python:3.11-slim",
        f'LABEL mlem.builder="{digest}" mlem.server="0.5.0" org.opencontainers.image.base.name="python:3.11-slim"',
        "COPY --from=builder /venv /venv",
        "USER 0",
        harden,
        "ENV PATH=/venv/bin:$PATH PORT=8080 HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 "
        "MLEM_MODEL=/opt/mlem/model/model.mlem",
        "EXPOSE 8080",
        health,
        "USER 10001:10001",
        "WORKDIR /tmp",
        'ENTRYPOINT ["/venv/bin/mlem-server"]',
        "COPY model /opt/mlem/model",
        'LABEL mlem.model_hash="abc" mlem.deployment="apps/iris"',
    ]


def test_a_linter_has_nothing_to_say(tmp_path: Path) -> None:
    model = MODEL.model_copy(
        update={
            "requirements": (
                Requirement(module="shop", version="1.0", package_name="shop", url="git+https://host/shop@abc"),
            )
        }
    )
    for number, options in enumerate((ImageOptions(), ImageOptions(mlem_version="0.5.0", build_arguments={"A": "1"}))):
        for pinned in (False, True):
            file = tmp_path / f"Dockerfile-{number}-{pinned}"
            file.write_text(dockerfile.render(Recipe.of(options, model), LABELS, pinned=pinned))
            # DL3002: stages that install are root's; the last one is not, as another test shows
            done = subprocess.run(
                [HADOLINT, "--no-color", "--ignore=DL3002", file], capture_output=True, text=True, check=False
            )
            assert (done.returncode, done.stdout) == (0, "")


def test_an_accepted_difference_needs_no_check_of_the_python() -> None:
    text = dockerfile.render(Recipe.of(ImageOptions(accept_version_differences=True), MODEL), LABELS)
    assert "RUN python -m venv --without-pip /venv" in text.splitlines()


def test_a_label_can_hold_any_text() -> None:
    text = dockerfile.render(Recipe.of(ImageOptions(), MODEL), {"a": 'say "$HOME"'})
    assert text.splitlines()[-1] == 'LABEL a="say \\"\\$HOME\\""'


def test_equal_requirements_share_their_layers_whatever_our_code_is() -> None:
    first = Recipe.of(ImageOptions(), MODEL)
    second = replace(first, server="another digest of the installed files")
    others = [
        Recipe.of(options, MODEL) for options in (ImageOptions(packages=["boto3"]), ImageOptions(resolution="2026-11"))
    ]
    assert first.requirements_digest == second.requirements_digest
    assert first.requirements_digest not in {other.requirements_digest for other in others}
    assert len({recipe.digest for recipe in (first, second, *others)}) == 4


def test_values_that_are_passed_on_change_no_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    options = ImageOptions(pass_pip_environment=True)
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:secret@index.example.com/simple")
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    with_index = Recipe.of(options, MODEL)
    assert "PIP_INDEX_URL" in with_index.passed
    assert with_index.digest == Recipe.of(ImageOptions(), MODEL).digest
    text = dockerfile.render(with_index, LABELS)
    assert ("ARG PIP_INDEX_URL" in text, "secret" in text) == (True, False)
    environment = {"PIP_INDEX_URL": "u", "https_proxy": "p", "HOME": "/root"}
    assert build_arguments(with_index, options, environment) == {"PIP_INDEX_URL": "u", "https_proxy": "p"}
    assert build_arguments(with_index, ImageOptions(), environment) == {}


def test_paths_of_this_machine_are_not_passed_on() -> None:
    environment = {
        "PIP_FIND_LINKS": "/opt/wheels",
        "PIP_CERT": "/etc/ca.pem",
        "PIP_CACHE_DIR": "/c",
        "PIP_EXTRA_INDEX_URL": "https://x",
    }
    assert pip_environment(environment) == {"PIP_EXTRA_INDEX_URL": "https://x"}
    assert pip_environment({"PIP_FIND_LINKS": "https://wheels"}) == {"PIP_FIND_LINKS": "https://wheels"}


def test_a_missing_ca_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"ca\.pem does not exist"):
        Recipe.of(ImageOptions(ca_file=tmp_path / "ca.pem"), MODEL)


def _written(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _write(plain: Project, target: Path, options: ImageOptions) -> None:
    model = api.load_meta("double", str(plain.folder))
    context.write(target, ImageBuild("", Recipe.of(options, model), options, model, LABELS))


def test_the_context_has_all_that_the_image_needs(plain: Project, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("certificates")
    _write(plain, tmp_path / "ctx", ImageOptions(ca_file=ca, packages=["boto3"]))
    wheel_names = [f"wheels/{wheel.name}" for wheel in wheels.pack()]
    files = [
        "Dockerfile",
        "ca.pem",
        "model/model",
        "model/model.mlem",
        "requirements.txt",
        "wheels/hashed.txt",
        "write_pins.py",
    ]
    assert _written(tmp_path / "ctx") == sorted([*files, *wheel_names])
    assert {"boto3", *wheels.needed()} <= set((tmp_path / "ctx" / "requirements.txt").read_text().splitlines())


def test_our_own_packages_are_installed_by_their_hashes(plain: Project, tmp_path: Path) -> None:
    _write(plain, tmp_path / "ctx", ImageOptions())
    hashed = (tmp_path / "ctx" / "wheels" / "hashed.txt").read_text().splitlines()
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (tmp_path / "ctx" / "wheels").glob("*.whl")
    }
    assert len(found) == len(wheels.SERVING)
    assert hashed == [f"/build/wheels/{name} --hash=sha256:{digest}" for name, digest in sorted(found.items())]


def test_a_context_is_written_anew_but_not_over_other_files(plain: Project, tmp_path: Path) -> None:
    target = tmp_path / "ctx"
    _write(plain, target, ImageOptions())
    first = _written(target)
    _write(plain, target, ImageOptions())
    assert _written(target) == first
    stranger = tmp_path / "mine"
    stranger.mkdir()
    (stranger / "notes.txt").write_text("mine")
    with pytest.raises(ConflictError, match="not a build context of mlem"):
        _write(plain, stranger, ImageOptions())
    assert _written(stranger) == ["notes.txt"]


def test_a_changed_artifact_is_not_built_into_an_image(plain: Project, tmp_path: Path) -> None:
    (plain.folder / "double").write_bytes(b"something else")
    with pytest.raises(ConflictError) as caught:
        _write(plain, tmp_path / "ctx", ImageOptions())
    assert caught.value.code == "artifact-changed"


def test_the_stream_is_a_tar_that_depends_on_the_content_alone(tmp_path: Path) -> None:
    for name, mode in (("a", 0o600), ("b", 0o644)):
        folder = tmp_path / name
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "data").write_bytes(bytes(range(256)) * 9000)
        (folder / "sub" / "data").chmod(mode)
        (folder / "empty").touch()
        (folder / f"{'long' * 40}.txt").write_text("x" * 512)
    first, second = (b"".join(context.stream(tmp_path / name)) for name in "ab")
    assert first == second
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        found = {
            # a file can be extracted
            member.name: (oct(member.mode), archive.extractfile(member).read() if member.isfile() else None)  # type: ignore[union-attr]
            for member in archive
        }
    assert found == {
        "sub": ("0o755", None),
        "sub/data": ("0o644", bytes(range(256)) * 9000),
        "empty": ("0o644", b""),
        f"{'long' * 40}.txt": ("0o644", b"x" * 512),
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"base_image": "python:3.11-slim AS builder\nRUN id"},
        {"base_image": "python:3.11 AS x"},
        {"base_image": "$IMAGE"},
        {"builder_image": "python:3.11\n"},
        {"builder_image": "--platform=x python"},
        {"pip_arguments": ["--pre\nRUN id"]},
        {"pip_arguments": ["--pre\x1b[2J"]},
        {"packages": ["numpy\n--index-url http://h"]},
        {"packages": ["numpy==1\n"]},
        {"packages": ["-r /etc/passwd"]},
        {"platform": "linux/amd64\nRUN id"},
        {"system_packages": ["libgl1\n"]},
        {"system_packages": ["libgl1 && id"]},
        {"system_packages": ["--allow-unauthenticated"]},
        {"system_packages": ["./libgl1.deb"]},
        {"mlem_version": "0.5.0 --index-url=http://h"},
        {"python_version": "3.11\n"},
        {"build_arguments": {"A\nRUN id": "x"}},
    ],
    ids=repr,
)
def test_an_option_is_one_word_of_its_kind(fields: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match=next(iter(fields))):
        DockerBuilder.from_data({"image_name": "x", **fields}, "builder")


@pytest.mark.parametrize(
    "image",
    [
        "python:3.11-slim",
        "h:5000/a/b_c/d.e:1.0_x-y",
        f"a@sha256:{'0' * 64}",
        f"r.example.com/x:t@sha256:{'f' * 64}",
        "UPPER.example.com/x",
    ],
)
def test_references_of_images_are_accepted(image: str) -> None:
    assert ImageOptions(base_image=image, builder_image=image).base_image == image


@pytest.mark.parametrize(
    "changes",
    [
        {"base_image": "python AS builder\nRUN id"},
        {"builder_image": "python\nRUN id"},
        {"build_arguments": (("A\nRUN id", "x"),)},
        {"pip_arguments": ("x\nRUN id",)},
        {"python": "3.11\nRUN id"},
    ],
    ids=repr,
)
def test_whatever_a_recipe_has_each_instruction_stays_one_line(changes: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match="not be one line"):
        dockerfile.render(replace(Recipe.of(ImageOptions(), MODEL), **changes), LABELS)


@pytest.mark.parametrize(
    "line", ["x\n--index-url http://h/simple", "x\\", "--index-url http://h/simple", "-r /etc/passwd"]
)
def test_whatever_a_recipe_has_each_package_stays_one_line(plain: Project, tmp_path: Path, line: str) -> None:
    model = api.load_meta("double", str(plain.folder))
    recipe = replace(Recipe.of(ImageOptions(), model), requirements=(line,))
    with pytest.raises(DeclarationError):
        context.write(tmp_path / "context", ImageBuild("", recipe, ImageOptions(), model, LABELS))
