"""Answers in binary formats, of bounded size, and answers that do not fit the signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlem.clients.response import too_large
from mlem_model.data.formats.arrow_bounds import check_stream, check_table
from mlem_model.data.formats.binary import load
from mlem_model.errors import PlatformError, UserError

if TYPE_CHECKING:
    import pyarrow

    from mlem_model.data.types.base import DataType


def loaded(method: str, data_type: DataType, content: bytes | bytearray, media_type: str, most_bytes: float) -> Any:
    """Read an answer in a binary format; arrays which lie in it can be written to.

    Args:
        method: The method's public name.
        data_type: What it has to be.
        content: The answer.
        media_type: Its format.
        most_bytes: How large it may become.

    Raises:
        PlatformError: It would become too large.
        UserError: It is damaged.
        DataError: It does not fit.
    """
    body = content if isinstance(content, bytearray) else bytearray(content)
    try:
        return load(data_type, body, media_type, "answer", read=BoundedArrow(most_bytes))
    except UserError as error:
        if error.code == "unfolds-too-large":
            raise too_large(method, most_bytes) from error
        raise


def checked(method: str, decode: Callable[[], Any]) -> Any:
    """Return what an answer is decoded to.

    Args:
        method: The method's public name.
        decode: Decodes it.

    Raises:
        PlatformError: It does not fit.
    """
    try:
        return decode()
    except UserError as error:
        message = f"{method} gave an answer that does not fit its signature: {error.message}"
        raise PlatformError(message, code="bad-answer") from error


class BoundedArrow:
    """Reads streams of Arrow of bounded size; see `mlem_model.data.formats.arrow.values.ReadArrow`.

    Args:
        most_bytes: How large a table may become.

    Attributes:
        most_bytes: The same.
    """

    def __init__(self, most_bytes: float) -> None:
        self.most_bytes = most_bytes

    def __call__(self, body: bytes | bytearray) -> pyarrow.Table:
        """Return the table of a stream.

        Raises:
            UserError: It would become too large, or it is compressed, which no answer of a server of ours is.
            Exception: What pyarrow raises on damaged streams.
        """
        import pyarrow as pa

        if check_stream(body, self.most_bytes):
            raise UserError("its Arrow is compressed", code="bad-body")
        with pa.ipc.open_stream(pa.py_buffer(body)) as reader:
            table = reader.read_all()
        check_table(table, self.most_bytes, lists=True)
        return table
