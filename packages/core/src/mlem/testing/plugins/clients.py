"""`ClientSuite`: what every client does, whatever the platform's protocol is."""

from __future__ import annotations

import asyncio
import copy
import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from mlem.clients.client import Client
from mlem.testing.projects import SAMPLE, Project
from mlem.testing.standard import Suite
from mlem_model.errors import DataError, MlemError, PlatformError, UserError

ANSWER = [2.0, 4.0, 6.0]


class ClientSuite(Suite, ABC):
    """Calls, refuses, is copied, and says what is wrong.

    Example::

        class TestClient(ClientSuite):
            def served(self, project): ...
            def unreachable(self): ...
    """

    @abstractmethod
    def served(self, project: Project) -> AbstractContextManager[Client]:
        """Serve the project's model ``double`` as long as the context lasts, and give a client of it."""

    @abstractmethod
    def unreachable(self) -> Client:
        """Return a client of a server that does not answer."""

    @pytest.fixture
    def client(self, tmp_path: Path) -> Iterator[Client]:
        """A client of the model ``double``."""
        project = Project.make(tmp_path / "project")
        project.save("double", 2.0)
        with self.served(project) as client, client:
            yield client

    def test_it_answers_as_the_model(self, client: Client) -> None:
        """`call`, the method as an attribute, keywords and `call_async` give the model's answer.

        When it fails: `fetch_interface` gives what the server says of itself, `call_encoded` the decoded JSON of the
        answer and nothing around it.
        """
        assert client.methods == ("predict",), "other methods"
        answers = [client.call("predict", SAMPLE), client.predict(SAMPLE), client.predict(numbers=SAMPLE)]
        answers.append(asyncio.run(client.call_async("predict", SAMPLE)))
        assert answers == [ANSWER] * 4, "another answer"
        assert client.call("predict", []) == [], "another answer"

    def test_what_does_not_fit_is_refused_before_it_is_sent(self, client: Client) -> None:
        """An unknown method, a missing argument and a wrong value are errors of the caller, with their own classes.

        When it fails: leave `call` as the core has it, and put the protocol into `call_encoded`.
        """
        with pytest.raises(UserError, match="predict_proba"):
            client.call("predict_proba", SAMPLE)
        with pytest.raises(UserError):
            client.call("predict")
        with pytest.raises(DataError, match="expected a number"):
            client.predict(["one"])
        assert not hasattr(client, "predict_proba")

    def test_it_is_used_after_copying_pickling_and_closing(self, client: Client) -> None:
        """A client travels to another process or thread, and goes on after `close`.

        When it fails: keep connections in a private attribute of the type `mlem.provider.ProcessLocal`.
        """
        client.predict(SAMPLE)
        client.close()
        others = [client, copy.copy(client), pickle.loads(pickle.dumps(client)), client.with_options()]  # noqa: S301
        assert [one.predict(SAMPLE) for one in others] == [ANSWER] * 4, "a copy answers otherwise"
        for other in others[1:]:
            other.close()

    def test_a_server_that_does_not_answer_is_an_error_in_words(self) -> None:
        """Exit code 7, and no error of a library.

        When it fails: translate what the library raises where it is called, ``raise PlatformError(...) from error``.
        """
        with pytest.raises(Exception, match=r".") as caught, self.unreachable() as client:
            client.call("predict", SAMPLE)
        assert isinstance(caught.value, MlemError), f"an error of a library: {caught.value!r}"
        assert caught.value.exit_code == PlatformError.exit_code, caught.value

    def test_it_is_shown_without_secrets(self, client: Client) -> None:
        """``repr`` is on one line and names the class; what is excluded or secret is not in it.

        When it fails: make secrets `SecretStr`, and leave `__repr__` as the core has it.
        """
        shown = repr(client)
        assert (shown.startswith(f"{type(client).__name__}("), "\n" in shown) == (True, False), shown
        secret = [name for name in type(client).model_fields if name.endswith(("token", "password", "secret"))]
        assert [name for name in secret if f"{name}='" in shown] == [], "a secret is shown"
