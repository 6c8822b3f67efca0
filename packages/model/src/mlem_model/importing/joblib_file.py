"""Files of joblib: a pickle with arrays between its parts, most often compressed.

Source: joblib 1.5, ``joblib/numpy_pickle.py`` and ``numpy_pickle_utils.py`` (read 2026-11).
"""

from __future__ import annotations

import bz2
import lzma
import pickle
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from mlem_model.errors import PluginError, UserError
from mlem_model.importing.restricted import Restricted, find

_ZLIB = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_BZIP2 = (b"BZh",)
_LZMA = (b"\xfd7zXZ", b"\x5d\x00")
_LZ4 = (b"\x04\x22\x4d\x18",)
_CHUNK = 1 << 20
MOST_TIMES = 200
"""A compressed file may unfold to so many times its size, or to `FREE_BYTES`."""
FREE_BYTES = 1 << 28


@contextmanager
def unfolded(path: Path) -> Iterator[IO[bytes]]:
    """Open a file without its compression.

    Raises:
        UserError: It unfolds to far more than files of models do, or is damaged.
    """
    limit = max(FREE_BYTES, path.stat().st_size * MOST_TIMES)
    with path.open("rb") as file:
        head = file.read(6)
        file.seek(0)
        if head.startswith(_LZ4):
            raise PluginError(f"{path.name} is compressed by LZ4", hint="save it again without: joblib.dump(model, f)")
        if not head.startswith((*_ZLIB, *_BZIP2, *_LZMA)):
            yield file
            return
        with tempfile.TemporaryFile() as plain:
            written = 0
            try:
                for chunk in _plain(file, head):
                    written += len(chunk)
                    if written > limit:
                        raise UserError(
                            f"{path.name} unfolds to more than {limit // 2**20} MiB, {MOST_TIMES} times its size",
                            code="too-large",
                            hint="if it is what it should be, save it again without compression",
                        )
                    plain.write(chunk)
            except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
                raise UserError(f"{path.name}: the compressed content is damaged: {error}", code="bad-file") from error
            plain.seek(0)
            yield plain


def _plain(file: IO[bytes], head: bytes) -> Iterator[bytes]:
    """Yield the content piece by piece: however much a chunk unfolds to, no piece is large."""
    if head.startswith(_ZLIB):
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)  # zlib's or gzip's own head
        while chunk := file.read(_CHUNK):
            while chunk:
                yield unpacking.decompress(chunk, _CHUNK)
                chunk = unpacking.unconsumed_tail
        yield unpacking.flush()
        return
    other = bz2.BZ2Decompressor() if head.startswith(_BZIP2) else lzma.LZMADecompressor()
    while not other.eof and (chunk := file.read(_CHUNK)):
        yield other.decompress(chunk, _CHUNK)
        while not (other.needs_input or other.eof):
            yield other.decompress(b"", _CHUNK)


def load(file: IO[bytes], trusted: Iterable[str]) -> Any:
    """Load what joblib has written, uncompressed, with the same restrictions as a pickle.

    Args:
        file: The file, at its start.
        trusted: Further names that may be used.

    Raises:
        UserError: It names what is not known to be harmless.
        PluginError: joblib is not installed.
    """
    try:
        from joblib import numpy_pickle
    except ImportError as error:
        raise PluginError("files of joblib need the package joblib", hint="pip install joblib") from error
    known = frozenset(trusted)

    class Unpickler(numpy_pickle.NumpyUnpickler):  # type: ignore[misc]  # without type information
        """joblib's own, whose names are looked at: also those in an array of objects, which is a pickle itself."""

        def find_class(self, module: str, name: str) -> Any:
            return find(module, name, known)

        def load_build(self) -> None:
            pickle._Unpickler.load_build(self)  # type: ignore[attr-defined]  # what joblib's own calls
            wrapper = self.stack[-1]
            if not isinstance(wrapper, numpy_pickle.NumpyArrayWrapper):
                return
            self.stack.pop()
            if wrapper.dtype.hasobject:
                self.stack.append(Restricted(self.file_handle, known).load())
            else:
                self.stack.append(wrapper.read(self, True))

        dispatch = {**numpy_pickle.NumpyUnpickler.dispatch, pickle.BUILD[0]: load_build}

    return Unpickler("", file, ensure_native_byte_order=True).load()
