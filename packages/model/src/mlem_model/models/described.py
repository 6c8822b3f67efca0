"""A model as a notebook shows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlem_model.artifacts.sizes import size_in_words
from mlem_model.objects.html import fields

if TYPE_CHECKING:
    from mlem_model.models.model import Method, Model


def model_in_html(model: Model) -> str:
    """Return a table of what is known of a model."""
    return fields(f"model {model.location or ''}".strip(), _known(model))


def _known(model: Model) -> Iterator[tuple[str, object]]:
    yield "type", model.model_type
    for name, method in model.methods.items():
        yield name, signature(method)
    yield "packages", ", ".join(f"{one.package_name} {one.version}" for one in model.requirements)
    yield "Python", model.python
    yield "size", size_in_words(sum(artifact.size_bytes for artifact in model.artifacts.values()))
    yield from ((f"params.{name}", value) for name, value in model.params.items())
    yield "digest", model.digest


def signature(method: Method) -> str:
    """Return what a method takes and answers, in its types' words: ``(X: dataframe) -> ndarray``."""
    arguments = ", ".join(
        f"{one.name}: {one.data_type.type}{'' if one.required else ' (optional)'}" for one in method.args
    )
    return f"({arguments}) -> {method.returns.type}"
