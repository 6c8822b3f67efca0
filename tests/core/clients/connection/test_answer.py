"""What a server may send, and what of it is an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlem.clients.connection.answer import MOST_HEAD_BYTES, Answer

NO_HTTP = "its answer is not HTTP/1.1: "
LONG = b"X: " + b"x" * 1000 + b"\r\n"


def fed(*parts: bytes) -> tuple[bool, bool, int, bytes]:
    """Whether it is complete, whether its connection is kept, its status, and its body."""
    answer = Answer()
    for part in parts:
        answer.feed(part)
    return answer.complete, answer.kept, answer.status, answer.take()


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", (True, True, 200, b"hi")),
        (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", (True, True, 200, b"hi")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", (True, False, 200, b"hi")),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", (True, False, 200, b"hi")),
        (b"HTTP/1.1 204 No\r\n\r\n", (True, True, 204, b"")),
        (b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc", (True, False, 101, b"")),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n0\r\nT: 1\r\n\r\n",
         (True, True, 200, b"hi")),
        (b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hm\r\nContent-Length: 9\r\n\r\n" * 3
         + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", (True, True, 200, b"hi")),
        # more than was announced: the answer is good, and what follows is never taken for another one
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi!", (True, False, 200, b"hi")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" + b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno",
         (True, False, 200, b"hi")),
    ],
)  # fmt: skip
def test_an_answer_is_the_same_in_whatever_parts_it_comes(data: bytes, found: tuple[bool, bool, int, bytes]) -> None:
    assert fed(data) == found
    head = data.index(b"\r\n\r\n") + 4
    assert fed(data[:head], *([data[head:]] if data[head:] else [])) == found
    assert fed(*(data[at : at + 1] for at in range(len(data)))) == found


def test_a_body_without_a_length_ends_with_its_connection() -> None:
    assert fed(b"HTTP/1.1 200 OK\r\n\r\nh", b"i") == (False, False, 200, b"hi")
    assert fed(b"HTTP/1.1 200 OK\r\n\r\nh", b"i", b"") == (True, False, 200, b"hi")


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([b""], "the server closed it without an answer"),
        ([b"HTTP/1.1 200 OK\r\n", b""], "the server closed it before the end of its answer"),
        ([b"HTTP/1.1 100 Go\r\n\r\n", b""], "the server closed it before the end of its answer"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", b""], "the server closed it before the end of its answer"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", b""],
         "the server closed it before the end of its answer"),
        ([b"SSH-2.0-OpenSSH_9.2\r\n"], "its answer is not HTTP/1.1: Expected HTTP/"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"], NO_HTTP),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"], NO_HTTP),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"], NO_HTTP),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 1" + b"0" * 30 + b"\r\n\r\n"], NO_HTTP),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"], NO_HTTP),
        ([b"HTTP/1.1 200 OK\r\n", *[LONG] * 200], f"its answer has a head of more than {MOST_HEAD_BYTES} bytes"),
        ([b"HTTP/1.1 200 OK\r\n" + b"A" * 60_000] + [b"A" * 60_000] * 2, "its answer has a head of more than"),
        ([b"HTTP/1.1 100 Go\r\n\r\n"] * 10_000, f"its answer has a head of more than {MOST_HEAD_BYTES} bytes"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n", *[LONG] * 200],
         f"its answer has a head of more than {MOST_HEAD_BYTES} bytes"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;", *[b"x" * 1000] * 200],
         f"its answer has a head of more than {MOST_HEAD_BYTES} bytes"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_told_at_once(parts: list[bytes], why: str) -> None:
    with pytest.raises(ConnectionError) as caught:
        fed(*parts)
    assert str(caught.value).startswith(why)


@given(st.lists(st.binary(max_size=80), max_size=10), st.booleans())
def test_garbage_is_an_answer_or_an_error_of_the_connection(parts: list[bytes], is_begun: bool) -> None:
    answer = Answer()
    try:
        for part in [b"HTTP/1.1 200 OK\r\n"] * is_begun + parts:
            answer.feed(part)
    except ConnectionError:
        assert not answer.complete


def test_how_much_of_a_body_is_missing_is_known_from_its_head() -> None:
    answer = Answer()
    answer.feed(b"HTTP/1.1 200 OK\r\nContent-Len")
    assert answer.missing_bytes() == 0
    answer.feed(b"gth: 18446744073709551615\r\n\r\nhi")
    assert (answer.missing_bytes(), answer.take()) == (18446744073709551613, b"hi")
