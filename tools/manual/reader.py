"""`Reader`: does what a page says, as its reader would: writes its files, types its commands, runs its programs."""

from __future__ import annotations

import ast
import contextlib
import fnmatch
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

import psutil
import yaml

from manual.blocks import HIDDEN, Block, Command, Page, commands

PROGRAM = Path(__file__).parent / "program.py"
HOME = "XDG_STATE_HOME"
PORTS = ("8080", "5080")
"""Ports that pages name; another one that is free takes the place of each."""
_INSTALLS = re.compile(r"(pip|npm|nox|npx|python -m venv)\b")
_SERVES = re.compile(r"(mlem-server|mlem serve) ")
_START_S = 60.0


class PageError(Exception):
    """What a page says does not work."""


class Reader:
    """Somebody who follows a page in a folder.

    Args:
        folder: A folder of the reader's own.
        project: A project that pages may begin in, copied into the folder.
        environment: Variables beside the process's own.
        echo: Whether what is done is printed.
    """

    def __init__(
        self, folder: Path, *, project: Path | None = None, environment: Mapping[str, str] = {}, echo: bool = False
    ) -> None:
        self._folder, self._project, self._echo = folder / "here", project, echo
        self._folder.mkdir(parents=True)
        self._shell = folder / "variables.sh"
        self._shell.write_text(f"cd {self._folder}\n")
        self._environment = {**os.environ, HOME: str(folder / "state"), **environment}
        self._ports = {port: free_port() for port in PORTS}
        self._server: subprocess.Popen[bytes] | None = None

    def read(self, page: Page) -> None:
        """Follow a page.

        Args:
            page: Its blocks.

        Raises:
            PageError: A command failed or printed something else, a program failed, a file can't be parsed.
        """
        with self:
            self.follow(page)

    def __enter__(self) -> Self:
        """Return the reader."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing running: whatever was started has this reader's folder in its environment."""
        self._stop()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(HOME) == self._environment[HOME]:
                    process.kill()

    def follow(self, page: Page) -> None:
        """Follow a page, and leave running what it starts; see `read`."""
        if page.in_project and self._project is not None:
            shutil.copytree(self._project, self._folder, dirs_exist_ok=True)
        for block in page.blocks:
            if not block.reason:
                self._follow(block, page.before)

    def _follow(self, block: Block, before: str) -> None:
        try:
            if block.title:
                path = self._folder / block.title
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(self._here(block.text), encoding="utf-8")
            elif block.language == HIDDEN:
                self.type(Command(block.text))
            elif block.language == "console":
                for command in commands(block):
                    self.type(command)
            elif block.language == "python":
                self._run([sys.executable, str(PROGRAM)], f"{before}\n{self._here(block.text)}")
            parse_as(block)
        except (PageError, ValueError, yaml.YAMLError) as error:
            raise PageError(f"line {block.line}: {error}") from error

    def type(self, command: Command) -> str:
        """Type a command.

        Args:
            command: The command, with the lines that it should print.

        Returns:
            What it printed; nothing for a server, which goes on, and for what installs something, which is not done.

        Raises:
            PageError: It failed, or printed something else.
        """
        line = self._here(command.line)
        if self._echo:
            print(f"\n$ {line}", flush=True)
        if _INSTALLS.match(line):
            return ""
        if _SERVES.match(line) and "--help" not in line:
            self._serve(line)
            return ""
        script = f". {self._shell}\n{line}\ncode=$?; {{ declare -px; echo cd $(pwd); }} > {self._shell}; exit $code"
        said = self._run(["bash", "-c", script])
        missing = [each for each in command.output if not shown(each, said.splitlines())]
        if missing:
            raise PageError(f"{line}\nprinted\n{said}\nand not\n" + "\n".join(missing))
        return self._as_named(said)

    def _run(self, words: list[str], given: str = "") -> str:
        done = subprocess.run(
            words,
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            input=given,
            text=True,
            check=False,
        )
        if self._echo:
            print(done.stdout, end="", flush=True)
        if done.returncode:
            raise PageError(f"exit code {done.returncode}: {words[-1]}\n{done.stdout}")
        return done.stdout

    def _serve(self, line: str) -> None:
        """Start a server in the place of the one that there is, and wait until it is ready."""
        self._stop()
        port = self._ports["8080"]
        if "--port" not in line:
            line += f" --port {port}"
        self._server = subprocess.Popen(
            ["bash", "-c", f". {self._shell}\nexec {line}"],
            env=self._environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._server.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise PageError(f"no server: {line}")

    def _here(self, text: str) -> str:
        for named, port in self._ports.items():
            text = re.sub(rf"\b{named}\b", str(port), text)
        return text

    def _as_named(self, text: str) -> str:
        for named, port in self._ports.items():
            text = text.replace(f":{port}", f":{named}")
        return text

    def _stop(self) -> None:
        if self._server is not None and self._server.poll() is None:
            os.killpg(self._server.pid, signal.SIGTERM)
            self._server.wait(timeout=30)


def parse_as(block: Block) -> None:
    """Parse a block as what it says that it is.

    Args:
        block: The block.

    Raises:
        ValueError: It is something else.
        yaml.YAMLError: The same, of YAML.
    """
    if block.language in ("yaml", "yml"):
        list(yaml.safe_load_all(block.text))
    elif block.language == "json":
        json.loads(block.text)
    elif block.language == "toml":
        tomllib.loads(block.text)
    elif block.language == "python":
        compile(block.text, "page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def shown(expected: str, said: Iterable[str]) -> bool:
    """Return whether a line that a page shows was printed: numbers may differ, and ``...`` stands for anything.

    Args:
        expected: The line of the page.
        said: The lines that were printed.
    """
    if expected.strip() in ("", "..."):
        return True
    pattern = _alike(expected).replace("[", "[[]").replace("...", "*").replace("?", "[?]")
    return any(fnmatch.fnmatchcase(_alike(line), pattern) for line in said)


def _alike(line: str) -> str:
    line = re.sub(r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,64}\b", "0", line)
    return " ".join(re.sub(r"\d+(\.\d+)?", "0", line).split())


def free_port() -> int:
    """Return a port of this machine that nobody has."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
