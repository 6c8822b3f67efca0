"""Values that are a file's content as it is: bytes, and images."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from mlem_model.data.formats.binary import dump, formats_of, load
from mlem_model.data.types.any import DataType, OptionalType, PrimitiveType
from mlem_model.errors import UserError

IMAGE = "image/"
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"), (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"), (b"MM\x00*", "image/tiff"),
)  # fmt: skip
"""Source: https://mimesniff.spec.whatwg.org/, section 6.1 "Matching an image type pattern" (read 2026-11); TIFF 6.0,
section 2."""


def is_bytes(data_type: DataType | None) -> bool:
    """Say whether values of a type are bytes."""
    inner = there(data_type)
    wire = None if inner is None else inner.wire
    return isinstance(wire, PrimitiveType) and wire.ptype == "bytes"


def is_raw(data_type: DataType | None) -> bool:
    """Say whether the content of a file is itself a value of a type, so that nothing has to be parsed."""
    inner = there(data_type)
    return is_bytes(inner) or (inner is not None and any(form.startswith(IMAGE) for form in formats_of(inner)))


def there(data_type: DataType | None) -> DataType | None:
    """Return the type of a value that may be missing, where it is there."""
    return data_type.dtype if isinstance(data_type, OptionalType) else data_type


def load_raw(data_type: DataType | None, content: bytes, source: str, path: str) -> Any:
    """Make a value of a file's content.

    Args:
        data_type: Its type, for which `is_raw` holds.
        content: The content.
        source: Its name, for messages.
        path: Where the value goes, for messages.

    Raises:
        UserError: It is not an image, or its format is not one that images can be sent in.
    """
    inner = there(data_type)
    if inner is None or is_bytes(inner):
        return content if inner is None else inner.from_wire(content)
    known = [form for form in formats_of(inner) if form.startswith(IMAGE)]
    found = next((kind for magic, kind in _MAGIC if content.startswith(magic)), None)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        found = "image/webp"
    if found not in known:
        is_what = f"an image of type {found}" if found else "not an image" if content else "empty"
        raise UserError(f"{source} is {is_what}", code="bad-format", known=known, hint=f"convert it to {known[0]}")
    return load(inner, bytearray(content), found, path)


def dump_raw(data_type: DataType, value: Any, name: str) -> bytes:
    """Write a value as a file's content.

    Args:
        data_type: Its type, for which `is_raw` holds.
        value: The value.
        name: The file's name, which says the format of an image.

    Raises:
        UserError: The image can't be written in this format.
    """
    inner = there(data_type)
    if inner is None or is_bytes(inner):
        return bytes(value)
    suffix = PurePath(name).suffix.removeprefix(".").lower()
    if suffix not in ("png", ""):
        raise UserError(
            f"an image is written as png, not as {suffix}", code="bad-format", hint=f"-o {PurePath(name).stem}.png"
        )
    return dump(inner, value, "image/png")
