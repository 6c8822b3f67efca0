"""Run the commands of a Markdown page, as a reader would: write its files, print each command before its output.

    python tools/readme.py README.md

A fence ``python file=train.py`` is a file; the lines that begin with ``$`` in a fence ``console`` are commands. Fences
after a heading that says "later" or whose info string has ``skip`` are not run.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class File:
    """A file that the page shows.

    Attributes:
        name: Its name.
        text: Its content.
    """

    name: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command that the page shows.

    Attributes:
        line: As typed.
    """

    line: str


def parse(page: str) -> Iterator[File | Command]:
    """Yield the files and commands of a page, in order."""
    for fence in FENCE.finditer(page):
        words = fence["info"].split()
        if "skip" in words:
            continue
        name = next((word.removeprefix("file=") for word in words if word.startswith("file=")), None)
        if name:
            yield File(name, fence["body"])
        elif words[:1] == ["console"]:
            for line in fence["body"].splitlines():
                if line.startswith("$ "):
                    yield Command(line.removeprefix("$ "))


def main(page: Path) -> int:
    """Run a page in a new folder; return the first exit code that is not 0."""
    with tempfile.TemporaryDirectory() as folder:
        for item in parse(page.read_text(encoding="utf-8")):
            if isinstance(item, File):
                print(f"\n# {item.name}\n{item.text}", flush=True)
                Path(folder, item.name).write_text(item.text, encoding="utf-8")
                continue
            print(f"\n$ {item.line}", flush=True)
            code = subprocess.run(["bash", "-c", item.line], cwd=folder, check=False).returncode
            if code:
                print(f"exit code {code}", file=sys.stderr)
                return code
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
