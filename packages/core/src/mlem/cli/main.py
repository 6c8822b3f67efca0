"""The command ``mlem``: its groups, and the one place where errors become text (or JSON) and exit codes."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

import click

from mlem.cli.terminal import messages, traces
from mlem.cli.terminal.messages import note, say
from mlem.cli.terminal.streams import lost, reader_is_gone, steady
from mlem_model.errors import MlemError, PlatformError, UserError
from mlem_model.interrupts import Terminated, pending, reached, remember
from mlem_model.plugins.output import keep_stdout_for_results

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("mlem.cli.init:init", "Make a folder a project."),
    "demo": ("mlem.cli.demo:demo", "Make a small model, deploy it on this machine, and ask it."),
    "declare": ("mlem.cli.declare:declare", "Write a declaration of an env or a deployment."),
    "deployment": ("mlem.cli.deployment.group:deployment", "Deploy models, and look after what is deployed."),
    "apply": ("mlem.cli.models:apply", "Call a method of a saved model in this process."),
    "import": ("mlem.cli.importing:import_", "Save a model from the file that its framework has written."),
    "save": ("mlem.cli.importing:save", "Save a file of data under a name."),
    "serve": ("mlem.cli.models:serve", "Serve a saved model over HTTP in this terminal."),
    "build": ("mlem.cli.build:build", "Make an artifact from a model: a Docker image, a folder."),
    "types": ("mlem.cli.plugins.types:types", "List the installed types, and the fields of one."),
    "plugins": ("mlem.cli.plugins.types:plugins", "List the installed plugins and their state."),
    "plugin": ("mlem.cli.plugins.new:plugin", "Begin a plugin of your own, and see what its tests show."),
    "config": ("mlem.cli.config:config", "Read and write the project's settings."),
    "migrate": ("mlem.cli.migrate:migrate", "Turn what MLEM 0.4 wrote into this version's files."),
    "doctor": ("mlem.cli.doctor:doctor", "Check the project, the plugins and the state store."),
}
"""Every command: its place, and its line in the help. A command's module is imported when the command is called."""

CONTEXT_SETTINGS: dict[str, Any] = {
    "help_option_names": ["-h", "--help"],
    "token_normalize_func": lambda token: token.replace("-", "_"),
    "show_default": True,
    "max_content_width": 120,
}


COMPLETION = "_MLEM_COMPLETE"
"""The variable by which a shell asks click to complete a word."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called.

    Args:
        lazy: Name -> (``module:attribute``, line in the help).
    """

    def __init__(self, *args: Any, lazy: dict[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self._lazy:
            return None
        module, _, attribute = self._lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is an error that lists the known ones."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], self._lazy, n=1, cutoff=0.5)
            raise UserError(
                f'no command "{ctx.command_path} {args[0]}"',
                known=sorted(self._lazy),
                hint=f'did you mean "{near[0]}"?' if near else None,
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table, so that help imports none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self._lazy.items()])


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        say(f"mlem {version('mlem-core')}")
        ctx.exit()


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings=CONTEXT_SETTINGS)
@click.option(
    "--traceback", is_flag=True, expose_value=False, help="With an error, print its traceback. Also after a command."
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Deploy a saved model to any platform with one command, and keep track of it there."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Args:
        arguments: What follows ``mlem``; the process's own when None.
    """
    steady()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # otherwise nohup keeps it alive
            signal.signal(number, _terminate)
    keep_stdout_for_results()
    _warn_of_predecessor()
    given = list(sys.argv[1:] if arguments is None else arguments)
    messages.quiet = messages.verbose = False
    end = given.index("--") if "--" in given else len(given)
    ours = given[:end]  # what follows is another command's: deployment exec NAME -- COMMAND
    traces.wanted = "--traceback" in ours or bool(os.environ.get("MLEM_TRACEBACK"))
    if given[:1] != ["apply"]:  # it has such an option itself, for errors of the model
        given = [argument for argument in ours if argument != "--traceback"] + given[end:]
    sys.exit(_run(given))


def _run(arguments: list[str]) -> int:
    try:
        code = cli.main(arguments, prog_name="mlem", standalone_mode=False)
        sys.stdout.flush()
        return (code if isinstance(code, int) else 0) or _output_lost()
    except MlemError as error:
        return _interrupted() if pending() else _report(error, arguments)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "mlem"
        return _report(UserError(error.format_message(), hint=f"{command} --help"), arguments)
    except click.ClickException as error:
        return _report(UserError(error.format_message()), arguments)
    except (click.Abort, KeyboardInterrupt):
        return _interrupted()
    except BaseException as error:
        if pending():
            return _interrupted()
        from mlem.deployments.edge import failure_of

        failure = failure_of(error)
        if failure is not None:
            return _report(failure, arguments, error)
        if not isinstance(error, SystemExit):
            raise
        end = error
        return end.code if isinstance(end.code, int) else 1


def _report(error: MlemError, arguments: Sequence[str], cause: BaseException | None = None) -> int:
    if COMPLETION in os.environ:
        return error.exit_code  # a shell that completes a word has no room for messages
    from mlem.cli.terminal.output import print_error, wants_json

    traces.show(cause or error)
    print_error(error, as_json=wants_json(arguments))
    return error.exit_code


def _output_lost() -> int:
    """Report that a result could not be written, and return the exit code for it.

    A reader that has seen enough is fine.
    """
    error = lost(sys.stdout)
    if error is None or reader_is_gone():
        return 0
    from mlem.cli.terminal.output import print_error

    hint = "the command itself is done, and on record"
    refused = PlatformError(f"the result can't be written: {error.strerror}", code="output-lost", hint=hint)
    print_error(refused, as_json=False)
    return refused.exit_code


def _warn_of_predecessor() -> None:
    """Warn that MLEM 0.4 is installed too, before somebody uninstalls it together with half of this version."""
    from mlem.project.predecessor import version_beside, warning

    found = version_beside()
    if found is not None and "_MLEM_COMPLETE" not in os.environ:
        from importlib.metadata import version

        note(warning(found, version("mlem-core")))


def _interrupted() -> int:
    """Say that the work was interrupted, and return the exit code: that of the signal."""
    interrupt = pending()
    reached()
    _forget_interrupt()
    say("interrupted: what was done is on record; repeat the command to continue from there", err=True)
    return interrupt.code if isinstance(interrupt, Terminated) and isinstance(interrupt.code, int) else 130


def _forget_interrupt() -> None:
    """Let the process end with its exit code.

    An interrupt that arrives while a class is made from text, as dataclasses are, is noted by Python as one that nobody
    caught, and then ends the process by the signal whatever the exit code. The next text that is run resets the note.
    Source: CPython, Python/pythonrun.c, run_eval_code_obj (3.11 to 3.13, read 2026-11).
    """
    exec("")  # noqa: S102  # nothing is run


def _terminate(number: int, _frame: FrameType | None) -> None:
    """Leave by an exception on SIGTERM and SIGHUP, so that the lock is released on the way."""
    raise remember(Terminated(128 + number))


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Interrupt the work on SIGINT."""
    raise remember(KeyboardInterrupt())
