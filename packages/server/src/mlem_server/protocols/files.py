"""Calls whose body is the content of a file (CSV, JSON lines or Parquet), and answers of that kind."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from mlem_model.data.formats.binary import JSON
from mlem_model.data.types.sliced import SLICE_ROWS, converted
from mlem_model.errors import UserError
from mlem_server.decoding.json_decoder import Values
from mlem_server.decoding.threads import LARGE_BYTES
from mlem_server.http.content_type import CSV, FILES, csv_form
from mlem_server.http.errors import HttpError
from mlem_server.http.request import Request
from mlem_server.http.response import Response
from mlem_server.inference.endpoint import Call, Endpoint, type_of_answer

if TYPE_CHECKING:
    from mlem_model.data.csv.table import CsvReader
    from mlem_model.models.model import Argument

_UNREADABLE = ("bad-csv", "bad-encoding", "empty-data")


def call_of_file(endpoint: Endpoint, request: Request) -> Call:
    """Decode a call whose body is the only required argument's value.

    Args:
        endpoint: The method that it is for.
        request: Its media type is one of `FILES`; a CSV table may have a row of names.

    Raises:
        HttpError: 400 when it can't be read, 415 when the server lacks a package that reads it, 422 when it does not
            fit.
    """
    # late: most servers read no tables
    from mlem_model.data.csv.table import CsvReader
    from mlem_model.data.csv.text import CsvForm
    from mlem_model.data.formats.reading import fit, parse_data

    media_type, accept = request.media_type, request.headers.get(b"accept", b"")
    argument = endpoint.argument
    if argument is None:
        raise HttpError(
            415, "bad-content-type", f"{endpoint.name} has several arguments, {media_type} is for one", known=[JSON]
        )
    form = csv_form(request.headers) if media_type == CSV else CsvForm()

    limits = endpoint.limits
    if len(request.body) > LARGE_BYTES and FILES[media_type] != "parquet":
        limits.check_text(request.body, b",;\t\n", b"[{")

    def decode() -> Values:
        if media_type == CSV:
            reader = CsvReader(argument.data_type, form, "the body", argument.name, header_needed=False)
            return {argument.name: _table(reader, argument, request.body)}
        if FILES[media_type] == "parquet" and limits.read_parquet is not None:
            value = fit(limits.read_parquet(request.body).to_pandas(), argument.data_type, argument.name)
        else:
            value = parse_data(
                bytes(request.body), FILES[media_type], "the body", argument.data_type, argument=argument.name
            )
        return {argument.name: value}

    try:
        return endpoint.call_by(decode, accept)
    except HttpError as error:
        if error.code == "not-installed":
            raise HttpError(415, "bad-content-type", error.message, hint="send JSON") from error
        if error.code in _UNREADABLE:
            raise HttpError(400, error.code, error.message, hint=error.hint, known=error.known) from error
        raise


def _table(reader: CsvReader, argument: Argument, body: bytes | bytearray) -> Any:
    """Read a table, a part at a time where its rows can be read apart."""
    from mlem_model.data.csv.layout import layout_of  # late: most servers read no tables

    data_type, name = argument.data_type, argument.name
    if not data_type.in_rows or len(body) <= LARGE_BYTES or layout_of(data_type, name).untyped:
        return data_type.decode(reader.read(io.BytesIO(body)), name)
    parts = converted(
        data_type, reader.parts(io.BytesIO(body), SLICE_ROWS), name, lambda rows: data_type.decode(rows, name)
    )
    return data_type.join(parts) if parts else data_type.decode([], name)


def answer_as_file(endpoint: Endpoint, request: Request, response: Response) -> Response:
    """Return an answer in the first file format that the caller accepts and that can hold it; unchanged for JSON."""
    if response.status != 200:
        return response
    for accepted in request.headers.get(b"accept", b"").decode("latin-1").lower().split(","):
        media_type = accepted.partition(";")[0].strip()
        if media_type not in FILES:
            return response
        from mlem_model.data.dataset import serialize_data  # late: most servers write no tables

        returns = type_of_answer(endpoint, response)
        try:
            content = serialize_data(returns.decode(json.loads(response.body)), returns, FILES[media_type])
        except (UserError, ImportError):
            continue  # it can't hold the answer, or a package is missing
        return Response(200, content, media_type.encode())
    return response
