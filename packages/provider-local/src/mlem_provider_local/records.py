"""What the steps want and leave: the copy of the model, and the process that serves it."""

from __future__ import annotations

from typing import ClassVar

from mlem import Record


class ModelRecord(Record):
    """The copy of the model.

    Attributes:
        model_hash: The model's digest; None while no model is at hand.
        home: The deployment's folder.
    """

    step: ClassVar[str] = "model"

    model_hash: str | None = None
    home: str = ""


class ProcessRecord(Record):
    """The server process.

    Attributes:
        model_hash: The model that it serves; None while no model is at hand.
        home: The deployment's folder.
        host: The address that it listens on.
        requested_port: The port that is declared; None for any.
        variables: The variables that the server gets beside those of the command.
        tokens: See `mlem.provider.protection`.
        tls: The same.
        restart: When its supervisor starts it again; None for never.
        port: The port that it listens on.
        url: Where it answers.
        pid: Its process id.
        started: When it started, seconds since the epoch.
    """

    step: ClassVar[str] = "process"

    model_hash: str | None = None
    home: str = ""
    host: str = ""
    requested_port: int | None = None
    variables: dict[str, str] | None = None
    tokens: str | None = None
    tls: str | None = None
    restart: str | None = None
    port: int | None = None
    url: str = ""
    pid: int = 0
    started: float = 0.0
