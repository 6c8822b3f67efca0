"""A course of action that a thread and an event loop follow alike.

It says what it needs, and whoever follows it gets that its way.
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
        name: What is to be done.
        args: With what.
    """

    name: str
    args: tuple[Any, ...] = ()


def follow(course: Course[ResultT], get: Callable[[Any], Any]) -> ResultT:
    """Follow a course to its end.

    Args:
        course: It yields what it needs, gets it back, and hears of what failed.
        get: Gets what the course needs.

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
    """Follow a course on an event loop; see `follow`."""
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
