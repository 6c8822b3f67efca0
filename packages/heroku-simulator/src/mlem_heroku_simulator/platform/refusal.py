"""`Refusal`: Heroku does not do what it is asked."""

from __future__ import annotations


class Refusal(Exception):
    """An answer that is an error.

    Args:
        status: The HTTP status.
        id_: The error's id.
        message: What it says.
    """

    def __init__(self, status: int, id_: str, message: str) -> None:
        super().__init__(message)
        self.status, self.id, self.message = status, id_, message
