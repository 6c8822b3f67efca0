"""`ImageType`: an image of Pillow.

It travels as a PNG, which keeps every pixel; a caller may send a JPEG or another format too.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from mlem_model.data.types.base import DataType, Json, mismatch, module_of
from mlem_model.data.types.plain.scalars import decode_bytes
from mlem_model.errors import DataError

MEDIA_TYPES: Mapping[str, str] = {
    "image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP", "image/gif": "GIF",
    "image/bmp": "BMP", "image/tiff": "TIFF",
}  # fmt: skip
"""Formats that are read, by media type, with Pillow's names for them."""
MAX_PIXELS = 50_000_000
"""Images with more pixels are refused before any pixel is decoded: 200 MB with four channels."""


class ImageType(DataType):
    """An image of Pillow, of any size.

    Attributes:
        mode: Pillow's word for what a pixel is: ``RGB``, ``L``, ``RGBA``.
    """

    type: ClassVar[str] = "image"
    mode: str

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`."""
        if module_of(value) != "PIL" or not hasattr(value, "getpixel"):
            return None
        if value.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"):
            raise DataError(
                "data",
                "an image that PNG can hold",
                f"one of mode {value.mode}",
                hint='convert it: image.convert("RGB")',
            )
        return cls(mode=value.mode)

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        return {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"}

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; the bytes of an image file convert."""
        return base64.b64encode(self.dump(value, path)).decode()

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`; the base64 of any format that is read."""
        return self.load(decode_bytes(payload, path), path)

    def dump(self, value: Any, path: str = "data") -> bytes:
        """Write an image as a PNG.

        Raises:
            DataError: It is not an image.
        """
        if isinstance(value, bytes | bytearray):
            value = self.load(bytes(value), path)
        if module_of(value) != "PIL" or not hasattr(value, "getpixel"):
            raise mismatch(path, "an image of Pillow, or the bytes of an image file", value)
        buffer = io.BytesIO()
        (value if value.mode == self.mode else value.convert(self.mode)).save(buffer, "PNG")
        return buffer.getvalue()

    def load(self, content: bytes, path: str = "data") -> Any:
        """Read an image file.

        Returns:
            An image of this type's mode.

        Raises:
            DataError: It is not an image, or has too many pixels.
        """
        from PIL import Image, UnidentifiedImageError

        words = "an image: " + ", ".join(sorted(set(MEDIA_TYPES.values())))
        try:
            image = Image.open(io.BytesIO(content), formats=sorted(set(MEDIA_TYPES.values())))
            if image.width * image.height > MAX_PIXELS:
                raise DataError(path, f"an image of at most {MAX_PIXELS} pixels", f"{image.width} x {image.height}")
            image.load()
        except DataError:
            raise
        except (
            UnidentifiedImageError,
            OSError,
            ValueError,
            SyntaxError,
            Image.DecompressionBombError,
            Image.DecompressionBombWarning,
        ) as error:
            raise DataError(path, words, "bytes that are not one") from error
        plain = image if image.mode == self.mode else image.convert(self.mode)
        return plain.copy()  # without a format and a file

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return {"PIL"}
