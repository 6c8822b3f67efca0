"""`Block`: a part of a Markdown page that can be run or parsed, with what the page says of it out of sight.

A block of code is a fence. Its language says what it is: the lines of a ``console`` that begin with ``$`` are commands,
and what follows each is what it prints; ``python`` is run. A fence with ``title="NAME"`` is the file of that name. HTML
comments tell what no reader needs to see:

    <!-- not run: REASON -->             the next fence is not run, and why
    <!-- first: COMMANDS -->             are run before what follows, and are not shown
    <!-- before the code: STATEMENTS --> begin every program of the page
    <!-- begins in the tutorial's project -->
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_PARTS = re.compile(
    r"^<!-- *(?P<comment>.*?) *-->$|^(?P<indent> *)```(?P<info>[^\n]*)\n(?P<body>.*?)^ *```$", re.MULTILINE | re.DOTALL
)
_TITLE = re.compile(r'title="([^"]+)"')
NOT_RUN, FIRST, BEFORE, PROJECT = "not run:", "first:", "before the code:", "begins in the tutorial's project"
HIDDEN = "hidden"
"""The language of commands that a page has out of sight."""


@dataclass(frozen=True)
class Block:
    """A part of a page.

    Attributes:
        language: What it is: ``console``, ``python``, ``yaml``; a fence without a language has none.
        text: Its text, without the fence.
        line: Where it begins in the page, counted from 1.
        title: The name of the file that it is; empty where it is none.
        reason: Why it is not run; empty where it is.
    """

    language: str
    text: str
    line: int = 0
    title: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Command:
    """A command with what the page shows of its output.

    Attributes:
        line: As typed.
        output: The lines below it.
    """

    line: str
    output: tuple[str, ...] = ()


@dataclass
class Page:
    """The blocks of a page, in order.

    Attributes:
        blocks: The blocks.
        before: The statements that begin every program.
        in_project: Whether the page begins in the tutorial's project.
    """

    blocks: list[Block] = field(default_factory=list)
    before: str = ""
    in_project: bool = False


def parse(text: str) -> Page:
    """Return the blocks of a page.

    Args:
        text: The page, in Markdown.
    """
    page, reason = Page(), ""
    for part in _PARTS.finditer(text):
        line = text.count("\n", 0, part.start()) + 1
        comment = part["comment"]
        if comment is None:
            language, _, rest = part["info"].partition(" ")
            title = _TITLE.search(rest)
            body = re.sub(f"(?m)^{part['indent']}", "", part["body"])
            page.blocks.append(Block(language, body, line, title[1] if title else "", reason))
            reason = ""
        elif comment.startswith(NOT_RUN):
            reason = " ".join(comment.removeprefix(NOT_RUN).split())
        elif comment.startswith(FIRST):
            page.blocks.append(Block(HIDDEN, comment.removeprefix(FIRST).strip(), line))
        elif comment.startswith(BEFORE):
            page.before += comment.removeprefix(BEFORE).strip() + "\n"
        elif comment == PROJECT:
            page.in_project = True
    return page


def commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a console; one that ends with a backslash goes on in the next line.

    Args:
        block: The console.
    """
    line, output = "", list[str]()
    for each in block.text.splitlines():
        if line.endswith("\\"):
            line = f"{line[:-1]}{each.strip()}"
        elif each.startswith("$ "):
            if line:
                yield Command(line, tuple(output))
            line, output = each.removeprefix("$ "), []
        elif line:
            output.append(each)
    if line:
        yield Command(line, tuple(output))
