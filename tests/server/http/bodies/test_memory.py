from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlem_server.http.bodies.memory import FIRST_BYTES, BodyMemory


def filled(memory: BodyMemory, content: bytes, step: int) -> None:
    """Put a content where it belongs, as a socket does: at most so much at once."""
    while content:
        room = memory.next(step)
        room[: len(content)] = content[: len(room)]
        memory.add(min(len(room), len(content)))
        content = content[len(room) :]


@given(st.binary(min_size=1, max_size=300), st.integers(1, 100), st.integers(0, 300))
def test_a_body_is_what_has_arrived_in_whatever_pieces(content: bytes, step: int, first: int) -> None:
    memory = BodyMemory(len(content), [content[:first], content[first : first + 7]])
    filled(memory, content[first + 7 :], step)
    assert memory.take() == bytearray(content)


@pytest.mark.parametrize("size", [1, FIRST_BYTES, FIRST_BYTES + 1, 8 * FIRST_BYTES + 1, 70 * FIRST_BYTES])
def test_it_grows_with_what_arrives(size: int) -> None:
    content, memory = bytes(range(256)) * (size // 256) + bytes(size % 256), BodyMemory(size, [])
    filled(memory, content[:-1], 200_000)
    assert memory.take() is None
    filled(memory, content[-1:], 200_000)
    assert memory.take() == content


def test_what_is_announced_alone_takes_nothing() -> None:
    assert len(BodyMemory(64 * FIRST_BYTES, [b"a"]).next(100 * FIRST_BYTES)) == FIRST_BYTES - 1
