"""The strongest plain callers that the client is compared with: on a kept connection, with the cheapest bodies.

In a thread it is ``http.client``; on an event loop the streams of asyncio, with no more of HTTP than the answers need.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

import numpy
import pandas
import polars
import pyarrow

from mlem_model.data.formats.binary import ARROW, JSON, NPY

ACCEPT = f"{NPY}, {JSON}"


def by_json(value: Any) -> tuple[bytes, str]:
    """Return records."""
    rows = value.tolist() if not hasattr(value, "columns") else None
    if rows is None:
        rows = value.to_dict("records") if isinstance(value, pandas.DataFrame) else value.to_dicts()
    return json.dumps({"X": rows}).encode(), JSON


def by_npy(value: Any) -> tuple[bytes, str]:
    """Return the bytes of an array."""
    written = io.BytesIO()
    numpy.save(written, numpy.asarray(value))
    return written.getvalue(), NPY


def by_arrow(value: Any) -> tuple[bytes, str]:
    """Return a stream of Arrow."""
    if isinstance(value, numpy.ndarray):
        table = pyarrow.table({str(column): value[:, column] for column in range(value.shape[1])})
    elif isinstance(value, polars.DataFrame):
        table = value.to_arrow(compat_level=polars.CompatLevel.oldest())
    elif isinstance(value, pandas.Series):
        table = pyarrow.table({str(value.name): pyarrow.Array.from_pandas(value)})
    else:
        table = pyarrow.Table.from_pandas(value, preserve_index=False)
    written = io.BytesIO()
    with pyarrow.ipc.new_stream(written, table.schema) as writer:
        writer.write_table(table)
    return written.getvalue(), ARROW


BODIES = {"json": by_json, "npy": by_npy, "arrow": by_arrow}
"""How a value is written, by the name of the format."""


def read(content: bytes, media_type: str) -> Any:
    """Return the array of an answer."""
    if media_type == NPY:
        return numpy.load(io.BytesIO(content), allow_pickle=False)
    return numpy.array(json.loads(content))


class Plain:
    """A caller for a thread.

    Args:
        url: The server's address.
        proxy: Host and port of a proxy.
        context: What verifies certificates.
    """

    def __init__(self, url: str, proxy: str | None = None, context: ssl.SSLContext | None = None) -> None:
        place = urlsplit(url).netloc
        self._target = "/predict" if proxy is None else f"{url}/predict"
        self._connection = (
            http.client.HTTPConnection(proxy or place)
            if context is None
            else http.client.HTTPSConnection(place, context=context)
        )

    def call(self, form: str, value: Any) -> Any:
        """Call the model with a value in a format of `BODIES`."""
        body, media_type = BODIES[form](value)
        self._connection.request("POST", self._target, body, {"content-type": media_type, "accept": ACCEPT})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(content[:500])
        return read(content, answer.headers["content-type"])


class PlainAsync:
    """A caller for an event loop.

    Args:
        url: The server's address.
    """

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, form: str, value: Any) -> Any:
        """Call the model with a value in a format of `BODIES`."""
        if self._ends is None:
            self._ends = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        reader, writer = self._ends
        body, media_type = BODIES[form](value)
        head = (
            f"POST /predict HTTP/1.1\r\nHost: {self._parts.netloc}\r\ncontent-type: {media_type}\r\n"
            f"accept: {ACCEPT}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        writer.writelines((head.encode(), body))
        await writer.drain()
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        content = await reader.readexactly(int(headers["content-length"]))
        if not status.startswith("HTTP/1.1 200"):
            raise RuntimeError(content[:500])
        return read(content, headers["content-type"])

    async def close(self) -> None:
        """Close the connection."""
        if self._ends is not None:
            self._ends[1].close()
            await self._ends[1].wait_closed()
