"""The Dockerfile: stages that choose packages and install them, and a slim one that serves.

The model comes last: a new one changes one layer.

It needs no BuildKit: what the classic builder of every Engine understands.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

from mlem import DeclarationError
from mlem_image import BASE_LABEL, MODEL, PINS_FOLDER, PORT, PROBE, USER, Recipe
from mlem_provider_docker.images.in_image import harden
from mlem_provider_docker.images.in_image.write_pins import HASHED, HASHES, UNHASHED

HEADER = "# Made by mlem: the image of a saved model."
COPY_PACKAGES = "COPY --from=builder /venv /venv"
COPY_MODEL = f"COPY model {MODEL}"

BUILDER_LABEL = "mlem.builder"
SERVER_LABEL = "mlem.server"
STAGE_LABEL = "mlem.stage"

_CHECK = (
    "import sys; found='%d.%d'%sys.version_info[:2]; "
    "sys.exit(None if found=='{python}' else 'mlem: the base image has Python '+found+', the model needs {python}')"
)


def render(recipe: Recipe, labels: Mapping[str, str], *, pinned: bool = False) -> str:
    """Write the Dockerfile.

    Args:
        recipe: What the image is made from.
        pinned: Whether the packages were chosen already, and the context has their pins; else the build chooses them.
        labels: Labels of the final image, put where they change no layer.

    Raises:
        DeclarationError: Something would be more than one line, or continue the next: it can't be part of a Dockerfile
            that a model has.
    """
    lines = [HEADER, *_pins_stage(recipe, pinned=pinned), "", *_build_stage(recipe), "", *_final_stage(recipe, labels)]
    for line in lines:
        expect_line(line)
    return "\n".join([*lines, ""])


def expect_line(line: str) -> None:
    """Check that a text is one line where it is written to, whatever it was checked for before.

    Raises:
        DeclarationError: It is not.
    """
    if not line.isprintable() or line.endswith("\\"):
        raise DeclarationError(f"an image can't be made of {line!r}: it would not be one line", code="not-a-line")


def _pins_stage(recipe: Recipe, *, pinned: bool) -> list[str]:
    """Choose the packages, and write down which; nothing is installed from it.

    Where they are chosen already they come this way, too: so the stage that installs them is the same, and an Engine
    has it already.
    """
    ends = _label({SERVER_LABEL: recipe.server})  # it stays as long as images of these packages and this server do
    if pinned:
        return [*_begun(recipe, "pins"), "COPY pins /build/pins", ends]
    return [
        *_prepared(recipe, "pins"),
        f"COPY requirements.txt write_pins.py {HASHES + ' ' if recipe.hashes else ''}/build/",
        choosing(recipe),
        ends,
    ]


def choosing(recipe: Recipe) -> str:
    """Return the instruction that chooses the packages."""
    return (
        f"RUN {_pip(recipe)} --dry-run --report /build/report.json -r /build/requirements.txt"
        f" && python /build/write_pins.py /build/report.json /build/pins{f' /build/{HASHES}' if recipe.hashes else ''}"
    )


def installing(recipe: Recipe) -> str:
    """Return the instruction that installs the packages that were chosen."""
    install = f"{_pip(recipe)} --no-deps"
    others = f" && {install} -r {PINS_FOLDER}/{UNHASHED}" if recipe.has_repositories else ""
    return f"RUN {install} --require-hashes -r {PINS_FOLDER}/{HASHED}{others}"


def installing_libraries(recipe: Recipe) -> str:
    """Return the instruction that installs Debian packages into the final image."""
    names = shlex.join(recipe.system_packages)
    options = "--yes --quiet --no-install-recommends"
    return (
        "RUN apt-get update --quiet"
        f" && DEBIAN_FRONTEND=noninteractive apt-get install {options} {names}"
        " && rm -rf /var/lib/apt/lists/*"
    )


def installing_own(recipe: Recipe) -> str:
    """Return the instruction that installs what of ours is on this machine."""
    return f"RUN {_pip(recipe)} --no-deps --no-index --require-hashes -r /build/wheels/{HASHED}"


def _build_stage(recipe: Recipe) -> list[str]:
    lines = [
        *_prepared(recipe, "builder"),
        f"COPY --from=pins /build/pins {PINS_FOLDER}",
        installing(recipe),
        _label({SERVER_LABEL: recipe.server}),
    ]
    if not recipe.published:
        lines += ["COPY wheels /build/wheels", installing_own(recipe)]
    return lines


def _begun(recipe: Recipe, stage: str) -> list[str]:
    label = _label({STAGE_LABEL: "builder", BUILDER_LABEL: recipe.requirements_digest})
    return [f"FROM {recipe.builder_image} AS {stage}", label, "USER 0"]


def _prepared(recipe: Recipe, stage: str) -> list[str]:
    """Begin a stage that installs, with an empty environment: the same in each, so that an Engine makes it once."""
    lines = _begun(recipe, stage)
    if recipe.ca_digest:
        lines += [
            "COPY ca.pem /etc/mlem-ca.pem",
            "ENV PIP_CERT=/etc/mlem-ca.pem SSL_CERT_FILE=/etc/mlem-ca.pem REQUESTS_CA_BUNDLE=/etc/mlem-ca.pem",
        ]
    lines += [f"ARG {name}" for name in (*recipe.passed, *(name for name, _ in recipe.build_arguments))]
    check = "" if recipe.any_python else f"python -c {shlex.quote(_CHECK.format(python=recipe.python))} && "
    return [*lines, f"RUN {check}python -m venv --without-pip /venv"]


def hardening() -> str:
    """Return the instruction that takes away what a server has no use for."""
    program = Path(harden.__file__).read_text(encoding="utf-8")
    return f"RUN {json.dumps(['/venv/bin/python', '-I', '-S', '-c', program, '/'])}"


def instructions(text: str) -> list[str]:
    """Return the instructions of a Dockerfile that `render` wrote: an Engine counts them as its steps, from 1 on."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _final_stage(recipe: Recipe, labels: Mapping[str, str]) -> list[str]:
    return [
        f"FROM {recipe.base_image}",
        _label({BUILDER_LABEL: recipe.requirements_digest, SERVER_LABEL: recipe.server, BASE_LABEL: recipe.base_image}),
        *(["USER 0", installing_libraries(recipe)] if recipe.system_packages else []),
        COPY_PACKAGES,
        "USER 0",
        hardening(),
        f"ENV PATH=/venv/bin:$PATH PORT={PORT} HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 "
        f"MLEM_MODEL={MODEL}/model.mlem",
        f"EXPOSE {PORT}",
        "HEALTHCHECK --interval=15s --timeout=5s --start-period=60s "
        f"CMD {json.dumps(['/venv/bin/python', '-I', '-S', '-c', PROBE])}",
        # by number: it needs no entry in /etc/passwd, and orchestrators can see that it is not root
        f"USER {USER}:{USER}",
        "WORKDIR /tmp",
        'ENTRYPOINT ["/venv/bin/mlem-server"]',
        COPY_MODEL,
        _label(labels),
    ]


def _pip(recipe: Recipe) -> str:
    """Install into the venv with the base's pip: the venv has none, nor has the final image one more."""
    options = ["--no-cache-dir", "--disable-pip-version-check", "--no-input", *recipe.pip_arguments]
    return f"pip --python /venv/bin/python install {shlex.join(options)}"


def _label(labels: Mapping[str, str]) -> str:
    return "LABEL " + " ".join(
        f"{key}={json.dumps(value).replace('$', chr(92) + '$')}" for key, value in labels.items()
    )
