"""Reading `--pip_arguments` for builders that run no pip in a container: those that say where packages are count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NoReturn

from mlem import DeclarationError

VALUED = frozenset(
    ("index-url", "extra-index-url", "find-links", "trusted-host", "proxy", "retries", "timeout", "only-binary")
)
FLAGS = frozenset(("no-index", "pre", "prefer-binary"))
"""Source: https://pip.pypa.io/en/stable/cli/pip_install/, "Options" (read 2026-11)."""
_SHORT = {"-i": "index-url", "-f": "find-links"}
_SAME = {"pypi-url": "index-url", "default-timeout": "timeout"}
_NUMBERS = ("retries", "timeout")


def read_arguments(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the names and values of arguments for pip; a name with two spellings is given in one of them.

    Args:
        arguments: ``--index-url=https://...``, or ``--index-url`` and then the address; they may have passwords.

    Raises:
        DeclarationError: One needs a run, or lacks its value.
    """
    left = iter(arguments)
    for argument in left:
        word, name, value = _parts(argument)
        if name in FLAGS and value is None:
            yield name, ""
        elif name not in VALUED:
            needs_a_run(f"{word} of pip_arguments", more=True)
        else:
            value = (next(left, "") if value is None else value).strip()
            if not value:
                raise DeclarationError(f"{word} of pip_arguments lacks its value", code="bad-argument")
            if name in _NUMBERS and not value.replace(".", "", 1).isdecimal():
                raise DeclarationError(f"{word} of pip_arguments takes a number", code="bad-argument")
            yield name, value


def needs_a_run(option: str, *, more: bool = False) -> NoReturn:
    """Refuse an option that means nothing where no container runs.

    Args:
        option: The option, without its value, which may be secret.
        more: Whether to say which arguments of pip count.

    Raises:
        DeclarationError: In any case.
    """
    known = ", ".join(f"--{name}" for name in sorted(VALUED | FLAGS))
    raise DeclarationError(
        f"{option} counts where packages are installed in a container, and nothing runs for this image",
        code="needs-a-run",
        hint="have an Engine build it: --builder engine, or mlem build docker"
        + (f"; what counts here too: {known}" if more else ""),
    )


def _parts(argument: str) -> tuple[str, str, str | None]:
    """Return the word of an argument, the name it stands for, and the value that it has with it."""
    if argument[:2] in _SHORT:
        return argument[:2], _SHORT[argument[:2]], argument[2:].strip().removeprefix("=") or None
    if not argument.startswith("--"):
        # what it is nobody knows: it may be a password
        return argument[:2] if argument.startswith("-") else "a word", "", None
    word, equals, value = argument.partition("=")
    if " " in word:
        word, equals, value = argument.partition(" ")
    name = word.removeprefix("--")
    return word, _SAME.get(name, name), value if equals else None
