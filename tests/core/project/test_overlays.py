"""Which file is an overlay, and what a name with one means."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlem.project.overlays import VARIABLE, deployments_below, locate_deployment, overlays_of
from mlem_model.errors import ConflictError, MlemError, NotFoundError, UserError

DECLARED = "object_type: deployment\ntype: fake_deployment\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".mlem.yaml").touch()
    (tmp_path / "apps").mkdir()
    for name, content in {
        "app": DECLARED,
        "app.prod": "size: 3\n",
        "app.empty": "",
        "app.broken": "size: [\n",
        "app.own": DECLARED,
        "app.two.words": "size: 3\n",
        "alone.prod": "size: 3\n",
        "m": "object_type: model\n",
        "m.prod": "size: 3\n",
        "apps/iris": DECLARED,
        "apps/iris.eu-1": "size: 2\n",
    }.items():
        (tmp_path / f"{name}.mlem").write_text(content)
    return tmp_path


def test_an_overlay_lies_beside_its_deployment_and_has_no_object_type(folder: Path) -> None:
    assert overlays_of(folder / "app.mlem") == ["broken", "empty", "prod"]
    names = [name for name, _ in deployments_below(folder)]
    assert names == ["app", "app.own", "app@broken", "app@empty", "app@prod", "apps/iris", "apps/iris@eu-1"]


@pytest.mark.parametrize(
    ("name", "overlay", "key", "top"),
    [
        ("app", None, "app", "app.mlem"),
        ("app", "", "app", "app.mlem"),
        ("app", "prod", "app@prod", "app.prod.mlem"),
        ("app.mlem", "prod", "app@prod", "app.prod.mlem"),
        ("app@prod", None, "app@prod", "app.prod.mlem"),
        ("app.prod", None, "app@prod", "app.prod.mlem"),
        ("app.prod.mlem", None, "app@prod", "app.prod.mlem"),
        ("app.own", None, "app.own", "app.own.mlem"),
        ("apps/iris", "eu-1", "apps/iris@eu-1", "apps/iris.eu-1.mlem"),
        ("new@prod", None, "new@prod", "new@prod.mlem"),
        ("m@prod", None, "m@prod", "m@prod.mlem"),
    ],
)
def test_a_name_may_have_an_overlay(folder: Path, name: str, overlay: str | None, key: str, top: str) -> None:
    place = locate_deployment(name, folder, overlay)
    assert (place.key, place.top) == (key, folder / top)


@pytest.mark.parametrize(
    ("name", "overlay", "kind", "code"),
    [
        ("app", "prd", NotFoundError, "no-overlay"),
        ("app@prd", None, NotFoundError, "no-overlay"),
        ("app", "own", NotFoundError, "no-overlay"),
        ("app", "two.words", UserError, "bad-name"),
        ("app", "../x", UserError, "bad-name"),
        ("memory://app", "prod", UserError, "bad-name"),
        ("m", "prod", NotFoundError, "not-found"),
        ("nothing", "prod", NotFoundError, "not-found"),
        ("alone", "prod", NotFoundError, "not-found"),
    ],
)
def test_an_overlay_that_is_not_there_is_an_error(
    folder: Path, name: str, overlay: str | None, kind: type[MlemError], code: str
) -> None:
    with pytest.raises(kind) as raised:
        locate_deployment(name, folder, overlay)
    assert raised.value.code == code


def test_the_known_overlays_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "prd")
    with pytest.raises(NotFoundError) as raised:
        locate_deployment("app", folder, "prd")
    assert raised.value.known == ("broken", "empty", "prod")
    assert raised.value.hint == 'MLEM_OVERLAY is set; --overlay "" takes app itself'
    with pytest.raises(NotFoundError, match="no overlay") as raised:
        locate_deployment("app", folder, "own")
    assert "a declaration of its own" in str(raised.value.hint)


def test_a_declaration_whose_name_has_the_sign_stays_what_it_is(folder: Path) -> None:
    (folder / "app@eu.mlem").write_text(DECLARED)
    place = locate_deployment("app@eu", folder)
    assert (place.key, place.overlay, place.path) == ("app@eu", "", folder / "app@eu.mlem")
    (folder / "app.eu.mlem").write_text("size: 3\n")
    for name, overlay in (("app@eu", None), ("app", "eu")):
        with pytest.raises(ConflictError) as raised:
            locate_deployment(name, folder, overlay)
        assert raised.value.code == "ambiguous-name"
