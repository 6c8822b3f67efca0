"""A course of action that works in a thread and on an event loop.

It says what it needs, and whoever runs it provides that in its own way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")
Course = Generator[Any, Any, ResultT]


@dataclass(frozen=True)
class Ask:
    """What a course needs.

    Attributes:
        name: What to do.
        args: With which arguments.
    """

    name: str
    args: tuple[Any, ...] = ()


def follow(course: Course[ResultT], get: Callable[[Any], Any]) -> ResultT:
    """Run a course to its end.

    Args:
        course: It yields what it needs, and gets that back, or an exception.
        get: Provides what the course needs.

    Returns:
        What the course returns.
    """
    try:
        need = next(course)
        while True:
            try:
                found = get(need)
            except BaseException as error:
                need = course.throw(error)
            else:
                need = course.send(found)
    except StopIteration as end:
        result: ResultT = end.value
        return result


async def follow_async(course: Course[ResultT], get: Callable[[Any], Awaitable[Any]]) -> ResultT:
    """Run a course on an event loop; see `follow`."""
    try:
        need = next(course)
        while True:
            try:
                found = await get(need)
            except BaseException as error:
                need = course.throw(error)
            else:
                need = course.send(found)
    except StopIteration as end:
        result: ResultT = end.value
        return result
