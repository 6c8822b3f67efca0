"""Making an image that was planned: the layers that are not there are made."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator

from mlem import Model
from mlem.provider import copy_model
from mlem_image.base.base_image import BaseImage
from mlem_image.base.contents import Contents
from mlem_image.base.hardening import hardened
from mlem_image.cache.cache import Cache
from mlem_image.images.image import Image
from mlem_image.images.labels import BASE_LABEL
from mlem_image.images.plan import Plan
from mlem_image.layers.entry import Entry
from mlem_image.layers.layer import Layer
from mlem_image.layout import MODEL, VENV
from mlem_image.packages.bytecode import Bytecode
from mlem_image.packages.libraries import expect_libraries
from mlem_image.packages.locked import LockedWheel, lines_of
from mlem_image.packages.package_layers import package_layers, places
from mlem_image.packages.target import Target
from mlem_image.recipes.pins import FOLDER as PINS
from mlem_image.recipes.recipe import Recipe
from mlem_image.wheels.installed import installed

Report = Callable[[str], None]


def make(plan: Plan, cache: Cache, report: Report) -> Image:
    """Make an image; nothing runs for it but Python's own compiler.

    Args:
        plan: The image.
        cache: Where finished layers are; it has to be in use.
        report: Called with lines of progress.

    Raises:
        ConflictError: The index has another file than the one that was chosen.
        DeclarationError: The base image lacks a library that a package needs.
        MlemError: The index refuses, or does not answer.
    """
    wanted, base, contents, chosen, target = plan.wanted, plan.base, plan.contents, plan.chosen, plan.target
    recipe = wanted.recipe
    with Bytecode(recipe.python) as bytecode:
        if not bytecode.compiled_by:
            report(f"there is no Python {recipe.python} here to compile with: the server will start more slowly")
        layers = [
            _environment(cache, base, contents, plan.python, chosen, target),
            *package_layers(
                cache,
                chosen,
                target,
                bytecode,
                report,
                lambda: expect_libraries(cache, chosen, contents, recipe),
                wanted.wheels,
                plan.indexes,
            ),
            *_server(cache, recipe, target, bytecode),
        ]
    labels = {BASE_LABEL: base.name, **wanted.labels}
    return Image(base, (*layers, _model(cache, wanted.model)), labels, bytecode.compiled_by)


def _environment(
    cache: Cache, base: BaseImage, contents: Contents, python: str, chosen: list[LockedWheel], target: Target
) -> Layer:
    """Make the layer of the environment itself, and of what is taken from the base image."""
    pins = "".join(f"{line}\n" for line in lines_of(chosen)).encode()
    key = f"environment/{base.digest}/{python}/{pins.decode()}"

    def entries() -> Iterator[Entry]:
        yield from hardened(contents)
        venv, packages = places(target)
        folder, _, program = python.rpartition("/")
        config = f"home = {folder}\ninclude-system-site-packages = false\nversion = {target.python}\n".encode()
        yield Entry(f"{venv}/bin/python", link=python)
        yield Entry(f"{venv}/bin/python3", link="python")
        yield Entry(f"{venv}/bin/{program}", link="python")
        yield Entry(packages, 0o755)
        yield Entry(f"{PINS.strip('/')}/hashed.txt", 0o644, len(pins), lambda: io.BytesIO(pins))
        yield Entry(f"{venv}/pyvenv.cfg", 0o644, len(config), lambda: io.BytesIO(config))

    return Layer.known(cache, key) or Layer.make(cache, key, f"the environment {VENV}", entries())


def _server(cache: Cache, recipe: Recipe, target: Target, bytecode: Bytecode) -> Iterator[Layer]:
    """Make the layer of our own packages, where they are not from an index."""
    if recipe.published:
        return
    key = f"server/{recipe.server}/{target.python}/{bytecode.compiled_by}"
    known = Layer.known(cache, key)
    if known is not None:
        yield known
        return
    with contextlib.ExitStack() as stack:
        entries = [
            entry
            for wheel in recipe.wheels()
            for entry in stack.enter_context(installed(io.BytesIO(wheel.data), wheel.name, *places(target)))
        ]
        yield Layer.make(cache, key, recipe.versions, bytecode.added(entries))


def _model(cache: Cache, model: Model) -> Layer:
    key = f"model/{model.digest}"
    known = Layer.known(cache, key)
    if known is not None:
        return known
    with cache.working() as folder:
        copy_model(model, folder)
        root = MODEL.strip("/")
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        entries = [
            Entry(
                f"{root}/{path.relative_to(folder).as_posix()}",
                0o644,
                path.stat().st_size,
                lambda path=path: path.open("rb"),  # type: ignore[misc]
            )
            for path in paths
        ]
        return Layer.make(cache, key, f"the model {model.digest[:12]}", entries)
