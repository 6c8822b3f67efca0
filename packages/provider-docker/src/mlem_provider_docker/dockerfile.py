"""The Dockerfile: a build stage with pip, a slim stage that serves; the model comes last, so that a new one changes one layer.

It needs no BuildKit: what the classic builder of every Engine understands.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from mlem import DeclarationError
from mlem_provider_docker.recipe import Recipe

HEADER = "# Made by mlem: the image of a saved model."
PORT = 8080
MODEL = "/opt/mlem/model"
USER = 10001

BUILDER_LABEL = "mlem.builder"
SERVER_LABEL = "mlem.server"
STAGE_LABEL = "mlem.stage"

_PROBE = (
    "import http.client,os,sys;"
    f"c=http.client.HTTPConnection('127.0.0.1',int(os.environ.get('PORT','{PORT}')),timeout=4);"
    "c.request('GET','/readyz');sys.exit(c.getresponse().status!=200)"
)
_CHECK = (
    "import sys; found='%d.%d'%sys.version_info[:2]; "
    "sys.exit(None if found=='{python}' else 'mlem: the base image has Python '+found+', the model needs {python}')"
)


def render(recipe: Recipe, labels: Mapping[str, str]) -> str:
    """Write the Dockerfile.

    Args:
        recipe: What the image is made from.
        labels: Labels of the final image, put where they change no layer.

    Raises:
        DeclarationError: Something would be more than one line, or continue the next: it is no part of a Dockerfile that a model has.
    """
    lines = [HEADER, *_build_stage(recipe), "", *_final_stage(recipe, labels)]
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


def _build_stage(recipe: Recipe) -> list[str]:
    lines = [
        f"FROM {recipe.builder_image} AS builder",
        _label({STAGE_LABEL: "builder", BUILDER_LABEL: recipe.requirements_digest}),
        "USER root",
    ]
    if recipe.ca_digest:
        lines += [
            "COPY ca.pem /etc/mlem-ca.pem",
            "ENV PIP_CERT=/etc/mlem-ca.pem SSL_CERT_FILE=/etc/mlem-ca.pem REQUESTS_CA_BUNDLE=/etc/mlem-ca.pem",
        ]
    lines += [f"ARG {name}" for name in (*recipe.passed, *(name for name, _ in recipe.build_arguments))]
    check = "" if recipe.any_python else f"python -c {shlex.quote(_CHECK.format(python=recipe.python))} && "
    lines.append(f"RUN {check}python -m venv --without-pip /venv")
    if recipe.requirements:
        lines += ["COPY requirements.txt /build/", f"RUN {_pip(recipe)} -r /build/requirements.txt"]
    constraints = "-c /build/constraints.txt " if recipe.constraints else ""
    if recipe.constraints:
        lines.append("COPY constraints.txt /build/")
    lines.append(_label({SERVER_LABEL: recipe.server}))
    if recipe.published:
        ours = f"mlem-core=={recipe.server} mlem-server=={recipe.server}"
    else:
        ours = "/build/wheels/*.whl"
        lines.append("COPY wheels /build/wheels")
    lines.append(f"RUN {_pip(recipe)} {constraints}{ours}")
    return lines


def _final_stage(recipe: Recipe, labels: Mapping[str, str]) -> list[str]:
    return [
        f"FROM {recipe.base_image}",
        _label({BUILDER_LABEL: recipe.requirements_digest, SERVER_LABEL: recipe.server}),
        "COPY --from=builder /venv /venv",
        f"ENV PATH=/venv/bin:$PATH PORT={PORT} HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MLEM_MODEL={MODEL}/model.mlem",
        f"EXPOSE {PORT}",
        f"HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD {json.dumps(['/venv/bin/python', '-I', '-S', '-c', _PROBE])}",
        # by number: it needs no entry in /etc/passwd, and orchestrators can see that it is not root
        f"USER {USER}:{USER}",
        "WORKDIR /tmp",
        'ENTRYPOINT ["/venv/bin/mlem-server"]',
        f"COPY model {MODEL}",
        _label(labels),
    ]


def _pip(recipe: Recipe) -> str:
    """Install into the venv with the base's pip: the venv has none, nor has the final image one more."""
    options = ["--no-cache-dir", "--disable-pip-version-check", "--no-input", *recipe.pip_arguments]
    return f"pip --python /venv/bin/python install {shlex.join(options)}"


def _label(labels: Mapping[str, str]) -> str:
    return "LABEL " + " ".join(f"{key}={json.dumps(value).replace('$', chr(92) + '$')}" for key, value in labels.items())
