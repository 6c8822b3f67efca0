"""A deployed model, asked by our client: in JSON, and in a binary format."""

from __future__ import annotations

from framework_matrix.answers import CLOSE, DifferentError, agreement
from framework_matrix.kind import Trained
from mlem.clients import sending
from mlem.clients.http import HttpClient
from mlem_model.models.model import Model


class JsonClient(HttpClient):
    """A client that sends everything as JSON."""

    @property
    def formats(self) -> tuple[str, ...]:
        """See `Client.formats`: none."""
        return ()


def in_json(url: str, model: Model, trained: Trained) -> str:
    """Ask with JSON for the answer to all rows, and return how well it agrees with the framework's own."""
    with JsonClient(url=url, direct=True) as client:
        return agreement(trained.answer, client.call(next(iter(model.methods)), trained.sample))


def in_binary(url: str, model: Model, trained: Trained) -> str:
    """Do the same with a client that may choose; it has to choose a binary format.

    Raises:
        DifferentError: It sends JSON, or gets another answer.
    """
    name, method = next(iter(model.methods.items()))
    with HttpClient(url=url, direct=True) as client:
        if sending.in_binary(method, {method.args[0].name: trained.sample}, client.formats) is None:
            raise DifferentError("the client sends JSON")
        return agreement(trained.answer, client.call(name, trained.sample))


def worse(one: str, other: str) -> str:
    """Return the worse of two agreements; an empty one is none."""
    return CLOSE if CLOSE in (one, other) else one or other
