from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from mlem.clients.client import Client, UnknownMethodError
from mlem_model.data.types.any import infer
from mlem_model.errors import PlatformError, UserError
from mlem_model.models.model import Argument, Method
from mlem_model.serving.interface import Interface

NUMBER = infer(1)
ADD = Method(
    name="add",
    args=(Argument(name="a", data_type=NUMBER), Argument(name="b", data_type=NUMBER, required=False, default=1)),
    returns=NUMBER,
)
INTERFACE = Interface(
    version="0.5.0",
    digest="0" * 32,
    model_type="callable",
    methods={"add": ADD, "copy": ADD, "broken": Method(name="broken", returns=NUMBER)},
)


class LocalClient(Client):
    """Adds in this process."""

    type: ClassVar[str] = "adding"

    def fetch_interface(self) -> Interface:
        return INTERFACE

    def call_encoded(self, method: str, payload: Mapping[str, Any]) -> Any:
        return "text" if method == "broken" else payload["a"] + payload.get("b", 1)


class UnreachableClient(LocalClient):
    type: ClassVar[str] = "unreachable"

    def fetch_interface(self) -> Interface:
        raise PlatformError("nobody there", code="unreachable")


def test_a_method_is_called_by_position_and_by_name() -> None:
    client: Any = LocalClient()
    assert (client.add(1), client.add(1, 2), client.add(1, b=3), client.add(b=4, a=1), client.call("add", 5)) == (
        2,
        3,
        4,
        5,
        6,
    )


def test_several_methods_are_called_at_once() -> None:
    assert LocalClient().call_all({"add": {"a": 1}, "copy": {"a": 2, "b": 3}}) == {"add": 2, "copy": 5}


def test_a_method_has_the_signature_of_the_model() -> None:
    client: Any = LocalClient()
    assert str(inspect.signature(client.add)) == "(a: 'primitive', b: 'primitive' = 1) -> 'primitive'"
    assert client.add.__name__ == "add"
    assert (
        client.add.__doc__
        == "Call add of the deployed model.\n\nArgs:\n    a: primitive\n    b: primitive\n\nReturns:\n    primitive"
    )


def test_the_methods_are_listed() -> None:
    client = LocalClient()
    assert client.methods == ("add", "copy", "broken")
    assert "add" in dir(client)


def test_an_unknown_method_names_the_known_ones() -> None:
    client: Any = LocalClient()
    with pytest.raises(UnknownMethodError) as caught:
        client.ad(1)
    error = caught.value
    assert isinstance(error, UserError)
    assert (error.code, error.message, error.hint, error.known) == (
        "unknown-method",
        'the model has no method "ad"',
        'did you mean "add"?',
        ("add", "broken", "copy"),
    )
    with pytest.raises(UnknownMethodError):
        client.call("ad", 1)


def test_attributes_behave_as_python_expects() -> None:
    client: Any = LocalClient()
    assert [hasattr(client, name) for name in ("add", "nothing", "_repr_html_")] == [True, False, False]
    assert getattr(client, "nothing", 7) == 7


def test_a_method_that_shares_its_name_with_an_attribute_is_called_by_call() -> None:
    assert LocalClient().call("copy", 1) == 2


def test_a_client_can_be_copied_and_pickled_without_a_server() -> None:
    client = UnreachableClient()
    assert [copy.copy(client), copy.deepcopy(client), pickle.loads(pickle.dumps(client))] == [client] * 3


def test_wrong_arguments_are_refused() -> None:
    client: Any = LocalClient()
    for args, kwargs in (((), {}), ((1, 2, 3), {}), ((1,), {"c": 1})):
        with pytest.raises(UserError) as caught:
            client.add(*args, **kwargs)
        assert caught.value.code == "bad-arguments"


def test_an_answer_that_does_not_fit_the_signature_is_the_platforms_fault() -> None:
    client: Any = LocalClient()
    with pytest.raises(PlatformError) as caught:
        client.broken()
    assert caught.value.code == "bad-answer"


def test_listing_attributes_does_not_fail_when_nobody_answers() -> None:
    assert "call" in dir(UnreachableClient())
