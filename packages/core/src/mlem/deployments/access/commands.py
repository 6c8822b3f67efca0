"""Commands that are run where a model is served."""

from __future__ import annotations

from collections.abc import Sequence

from mlem.deployments.access.streams import Streams
from mlem.deployments.execution.status import expect_deployed, serving
from mlem.deployments.resolving.resolve import Target
from mlem_model.errors import UserError

SHELL = ("/bin/sh", "-c", "if command -v bash >/dev/null; then exec bash; fi; exec sh")
"""The command for somebody who types: bash where it is, and it is not everywhere."""


def run_in(target: Target, command: Sequence[str], streams: Streams) -> int:
    """Run a command where the release that serves is; return its exit code.

    Args:
        target: The deployment.
        command: The command's words; no shell of ours reads them.
        streams: Its standard streams.

    Raises:
        UserError: It is no command, or the platform can't do this.
        NotFoundError: Nothing is deployed.
    """
    if not isinstance(command, list | tuple) or not command or not all(_is_word(word) for word in command):
        raise UserError(
            f"expected a command as a list of words, got {command!r}",
            code="bad-command",
            hint='["python", "-c", "print(1)"], or ["sh", "-c", "ls | wc -l"] for a shell',
        )
    target.deployment.expect_capability("exec")
    state = serving(expect_deployed(target))
    return target.deployment.exec(target.context(state), state, tuple(command), streams)


def _is_word(word: object) -> bool:
    return isinstance(word, str) and "\0" not in word
