"""Bodies in gzip and zstd are unpacked within bounds; answers are packed where the caller accepts it and it helps."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from typing import Any

import pytest
from backports import zstd  # type: ignore[import-not-found,unused-ignore]

from mlem_server.edge.compression import GZIP, ZSTD, coding_of, packed, packs, unpacked
from mlem_server.http.errors import HttpError
from mlem_server.http.response import Response

PACK = {GZIP: gzip.compress, ZSTD: zstd.compress}
TEXT = json.dumps([[random.Random(0).random() for _ in range(4)] for _ in range(5000)]).encode()


@pytest.mark.parametrize("coding", [GZIP, ZSTD])
def test_what_was_packed_comes_out_also_in_several_members(coding: str) -> None:
    pack = PACK[coding]
    assert unpacked(pack(TEXT), coding, len(TEXT)) == TEXT
    assert unpacked(pack(TEXT[:1000]) + pack(b"") + pack(TEXT[1000:]), coding, len(TEXT)) == TEXT
    response = packed(Response(200, TEXT), coding)
    assert (len(response.body) < len(TEXT), response.headers["content-encoding"]) == (True, coding)
    assert unpacked(response.body, coding, len(TEXT)) == TEXT


@pytest.mark.parametrize("coding", [GZIP, ZSTD])
def test_a_bomb_is_refused_before_it_unfolds(coding: str) -> None:
    bomb = PACK[coding](bytes(1 << 28))
    assert len(bomb) < 1 << 19
    with pytest.raises(HttpError) as refused:
        unpacked(bomb, coding, 1 << 20)
    assert (refused.value.status, refused.value.code) == (413, "body-too-large")


@pytest.mark.parametrize("coding", [GZIP, ZSTD])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body[:-9],
        lambda body: b"no" + body,
        lambda body: body + b"rest",
        lambda _: b"",
        lambda body: body[:5],
    ],
)
def test_what_is_damaged_or_cut_off_is_refused(coding: str, spoil: Any) -> None:
    with pytest.raises(HttpError) as refused:
        unpacked(spoil(PACK[coding](TEXT)), coding, 1 << 30)
    assert (refused.value.status, refused.value.code) == (400, "bad-encoding")


@pytest.mark.parametrize("coding", [GZIP, ZSTD])
def test_a_great_many_empty_members_are_refused(coding: str) -> None:
    with pytest.raises(HttpError, match="too many members"):
        unpacked(PACK[coding](b"") * 100_000, coding, 1 << 30)


def test_a_window_that_takes_much_memory_is_refused() -> None:
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.compression_level: 1}
    compressor = zstd.ZstdCompressor(options=options)
    body = compressor.compress(TEXT) + compressor.flush()
    with pytest.raises(HttpError, match="is not zstd"):
        unpacked(body, ZSTD, 1 << 30)


def test_answers_are_packed_where_it_helps() -> None:
    large = Response(200, TEXT)
    assert packs(large, b"gzip, deflate, br, zstd") == GZIP
    assert packs(large, b"gzip;q=0.5, zstd") == ZSTD
    assert packs(large, b"deflate") == packs(large, b"") == packs(large, b"gzip;q=0") == packs(large, b"identity") == ""
    assert packs(Response(200, b"[1]"), b"gzip") == packs(Response(200, TEXT, b"image/png"), b"gzip") == ""


def test_an_unknown_coding_is_refused_with_those_that_are_known() -> None:
    assert (coding_of(None), coding_of(b" GZip "), coding_of(b"identity"), coding_of(b"x-gzip")) == ("", GZIP, "", GZIP)
    for header in (b"br", b"gzip, gzip", b"\xff"):
        with pytest.raises(HttpError) as refused:
            coding_of(header)
        assert (refused.value.status, refused.value.headers["accept-encoding"]) == (415, "zstd, gzip")


def test_a_call_in_a_coding_gets_the_answer_of_the_plain_call(iris: Any) -> None:
    rows = [{"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}] * 3000
    plain = iris.post("/predict", {"X": rows})
    assert "content-encoding" not in plain.headers
    for coding, pack in PACK.items():
        headers = {"content-type": "application/json", "content-encoding": coding, "accept-encoding": coding}
        answer = iris.request("POST", "/predict", pack(json.dumps({"X": rows}).encode()), headers)
        assert (answer.status, answer.headers["content-encoding"], answer.headers["vary"]) == (
            200,
            coding,
            "accept-encoding",
        )
        assert bytes(unpacked(answer.body, coding, 1 << 30)) == plain.body
        small = iris.request("POST", "/predict", pack(json.dumps({"X": rows[:1]}).encode()), headers)
        assert (small.json, "content-encoding" in small.headers) == ([0], False)
    refused = iris.request("POST", "/predict", b"no gzip", {**headers, "content-encoding": "gzip"})
    assert (refused.status, refused.json["error"]["code"]) == (400, "bad-encoding")
    bomb = zlib.compress(bytes(1 << 27), 9, wbits=31)
    refused = iris.request("POST", "/predict", bomb, {**headers, "content-encoding": "gzip"})
    assert (refused.status, refused.json["error"]["code"]) == (413, "body-too-large")
    page = iris.get("/docs", {"accept-encoding": "gzip"})
    assert b"<html" in unpacked(page.body, GZIP, 1 << 30)
