"""Record the session that the home page shows: a real one, on this machine, as an animated SVG.

python tools/recording.py
"""

from __future__ import annotations

import html
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from manual.blocks import Block, Command, parse
from manual.pages import DOCS
from manual.reader import Reader

PLACE = DOCS / "images" / "session.svg"
COMMANDS = (
    "mlem deployment run local iris-app --model iris --port 8080 --quiet",
    "mlem deployment apply iris-app new.csv",
    "mlem deployment run --load iris-app --model iris-v2 --quiet | head -1",
    "mlem deployment rollback iris-app --quiet",
    "mlem deployment remove iris-app --quiet",
)
WIDTH, LINE_PX, CHARACTER_PX, EDGE_PX = 108, 19, 7.83, 20
KINDS = ("said", "command")
STYLE = """
text { fill: #d7dce4; font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.command { fill: #8bd5a0; font-weight: 600; }
@media (prefers-reduced-motion: no-preference) {
  text { animation: appear 1ms both; }
  @keyframes appear { from { opacity: 0; } }
}
"""


@dataclass(frozen=True)
class Line:
    """A line of the session.

    Attributes:
        text: What it says.
        at_s: When it is there, in seconds after the beginning.
        is_command: Whether somebody typed it.
    """

    text: str
    at_s: float
    is_command: bool = False


def record() -> list[Line]:
    """Type the commands in the tutorial's project, and return what is seen, at a pace that can be read."""
    lines, now = list[Line](), 0.2
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder))
        page = parse((DOCS / "tutorial.md").read_text(encoding="utf-8"))
        page.blocks = page.blocks[:2]
        with reader:
            reader.follow(page)
            for command in COMMANDS:
                lines.append(Line(f"$ {command}", now, is_command=True))
                began = time.monotonic()
                said = reader.type(Command(command))
                now += 0.4 + min(time.monotonic() - began, 1.0)
                lines += [Line(fitting(one), now) for one in said.splitlines()]
                now += 0.8
    return lines


def fitting(text: str) -> str:
    """Return a line that fits, as a narrow terminal cuts it off."""
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


def drawn(lines: list[Line]) -> str:
    """Return the session as SVG: all of it at once for whoever wants no motion."""
    width, height = int(WIDTH * CHARACTER_PX) + 2 * EDGE_PX, (len(lines) + 1) * LINE_PX + EDGE_PX
    rows = [
        f'<text class="{KINDS[line.is_command]}" x="{EDGE_PX}" '
        f'y="{EDGE_PX + (number + 1) * LINE_PX - 5}" style="animation-delay:{line.at_s:.1f}s" xml:space="preserve">'
        f"{html.escape(line.text, quote=False)}</text>"
        for number, line in enumerate(lines)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">\n<style>{STYLE}</style>\n'
        f'<rect width="{width}" height="{height}" rx="8" fill="#1b1f27"/>\n' + "\n".join(rows) + "\n</svg>\n"
    )


def as_block(svg: str) -> Block:
    """Return what a recording shows, as a block of a page."""
    lines = [html.unescape(one) for one in re.findall(r"<text [^>]*>(.*)</text>", svg)]
    return Block("console", "\n".join(lines))


if __name__ == "__main__":
    PLACE.write_text(drawn(record()), encoding="utf-8")
    print(PLACE, file=sys.stderr)
