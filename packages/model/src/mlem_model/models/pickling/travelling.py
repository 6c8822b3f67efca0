"""What happens to a value on its way to the model.

It must arrive unchanged in every format; the error says where it does not.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from mlem_model.data.formats.binary import JPEG_LIKE, JSON, dump, formats_of, load
from mlem_model.data.types.any import DataType, difference
from mlem_model.errors import DataError

_log = logging.getLogger(__name__)
HINT = "convert the sample to a type that can be sent, for example with df.astype(...), or say the type with signature="


def ways(data_type: DataType) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Yield every format that values of a type are sent in, with the function that sends a value there and back."""
    yield JSON, lambda value: data_type.decode(json.loads(json.dumps(data_type.encode(value))))
    for media_type in formats_of(data_type):
        if media_type not in JPEG_LIKE:
            yield media_type, partial(_there_and_back, data_type, media_type)


def _there_and_back(data_type: DataType, media_type: str, value: Any) -> Any:
    return load(data_type, bytearray(dump(data_type, data_type.accept(value), media_type)), media_type)


def lost_on_the_way(data_type: DataType, value: Any, name: str) -> str | None:
    """Say how a value changes that is sent as JSON; None when it comes back unchanged.

    Args:
        data_type: The type that it is sent as.
        value: The value.
        name: The argument's name, for the place.
    """
    try:
        _, there_and_back = next(ways(data_type))
        return difference(value, there_and_back(value), name)
    except DataError as error:
        return str(error)


def expect_same(data_type: DataType, value: Any, name: str) -> None:
    """Send a value in every format.

    Raises:
        DataError: It comes back as another one.
    """
    for media_type, there_and_back in ways(data_type):
        try:
            found = difference(value, there_and_back(value), name)
        except ImportError as error:  # the package is installed, in a version that does not work
            _log.warning("%s can't be tried: %s", media_type, error)
            continue
        if found:
            path, _, words = found.partition(": ")
            raise DataError(
                path, "a value that arrives unchanged", f"one that changes as {media_type}: {words}", hint=HINT
            )
