"""The page about errors: every code, with its exit code or status, what it says and what to do, as the code has it."""

from __future__ import annotations

import ast
import itertools
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from manual.reference.sources import cell, literal, package_of, text, trees
from mlem.deployments.deployment import CAPABILITIES
from mlem_model import errors
from mlem_model.errors import MlemError
from mlem_server.http import errors as of_server

ERRORS = """# Errors

Every expected error has a *code*, stable across versions, that scripts can compare: `error[not-deployed]: ...` on
stderr, `code` in `--output json`, `error.code` in Python and in the server's answers. Below an error are `known`,
the values that would have been right, and `hint`, the next thing to type.

## Exit codes

| code | meaning | what to do | in Python |
|---|---|---|---|
"""
CODES = """
## Codes of commands

Three dots stand for names and values. Where one code is used in several places, this is what the first of them says.

| code | exit | what it says | what to do | package |
|---|---|---|---|---|
"""
OF_SERVER = """
## Of the server

The body of such an answer is `{"error": {"code": ..., "message": ...}}`, and more where it helps.

| code | status | what to do |
|---|---|---|
"""
DO_NEXT = {
    0: ("done", ""),
    1: ("a defect of mlem", "report it with the traceback"),
    2: ("wrong usage, a wrong declaration, wrong data", "correct the command, the file or the data"),
    3: ("not found, or not installed", "name something that exists; install or repair a package"),
    4: ("conflict: changed meanwhile, somebody else's, or not what was asked for", "look at what changed, then decide"),
    5: ("locked by another run", "wait, or release the lock"),
    6: ("credentials missing or refused", "log in, or set the credentials"),
    7: ("the platform or the store failed", "read its message, then repeat the command"),
    8: ("the gate failed, or a hook; the last good release serves", "correct the model"),
    9: ("timed out", "wait longer, or look at the logs"),
    10: ("`plan --detailed-exitcode`, `status --check`, `list --check`: differs", "look at it, then run"),
    11: ("`mlem-server`: its model hangs", "its platform starts it again"),
    130: ("interrupted; 128 and its number for another signal", "repeat the command: it goes on from there"),
}  # fmt: skip
"""What each exit code means, and what to do."""


MADE = {
    "...-dropped": ("tokens-dropped", "tls-dropped"),
    "no-...": tuple(f"no-{capability}" for capability in CAPABILITIES),
}
"""The codes that are put together, by how; an unknown way is an error."""


@dataclass
class Code:
    """A code of errors.

    Attributes:
        exits: The exit codes that it comes with.
        packages: The distributions that raise it.
        message: What the first error with it says.
        hint: What the first error with a hint says to do.
    """

    exits: set[int] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)
    message: str = ""
    hint: str = ""


def classes() -> dict[str, int]:
    """Return the exit code of each class of errors, by its name."""
    found = {
        name: one.exit_code
        for name, one in vars(errors).items()
        if isinstance(one, type) and issubclass(one, MlemError)
    }
    kinds = [node for _, tree in trees() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for _ in range(3):  # an error of an error of ours
        for kind in kinds:
            exits = [found[ast.unparse(base)] for base in kind.bases if ast.unparse(base) in found]
            if exits:
                found.setdefault(kind.name, exits[0])
    return found


def codes() -> dict[str, Code]:
    """Return every code that a command can end with: those of calls of an error's class, and defaults of classes."""
    exits, found = classes(), defaultdict[str, Code](Code)
    for path, tree in trees():
        constants = dict(_constants(tree))
        for node in ast.walk(tree):
            ways = (_raised(node, constants), _ruled(node, constants, exits), _defaults(node))
            for name, kind, message, hint in itertools.chain(*ways):
                code = found[name]
                code.packages.add(package_of(path))
                code.exits |= {exits[kind]} if kind in exits and kind != "HttpError" else set()
                code.message = code.message or known(message)
                code.hint = code.hint or known(hint)
    return {name: code for name, code in sorted(found.items()) if code.exits - {1}}


def known(said: str) -> str:
    """Return a text for the page; empty where all of it is put in when it is made."""
    return cell(said) if re.search(r"[a-z]{3}", said) else ""


def _raised(node: ast.AST, constants: dict[str, object]) -> Iterator[tuple[str, str, str, str]]:
    if not isinstance(node, ast.Call):
        return
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    code = given.get("code")
    parts = [code.body, code.orelse] if isinstance(code, ast.IfExp) else [code]
    for part in parts:
        name = constants.get(part.id) if isinstance(part, ast.Name) else literal(part)
        names = MADE[text(part)] if isinstance(part, ast.JoinedStr) else (name,) if isinstance(name, str) else ()
        for one in names:
            message = text(node.args[0]) if node.args else ""
            yield one, ast.unparse(node.func).split(".")[-1], message, text(given.get("hint"))


def _ruled(node: ast.AST, constants: dict[str, object], exits: dict[str, int]) -> Iterator[tuple[str, str, str, str]]:
    """Yield what a row of a table says: a class of errors, then its code, then a hint."""
    words = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.Tuple) else []
    for kind, *rest in (words[at : at + 3] for at in range(len(words) - 1)):
        if isinstance(kind, ast.Name) and kind.id in exits:
            code, *hints = (constants.get(one.id, "") if isinstance(one, ast.Name) else literal(one) for one in rest)
            if isinstance(code, str) and re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", code):
                yield code, kind.id, "", next((hint for hint in hints if isinstance(hint, str)), "")


def _constants(tree: ast.Module) -> Iterator[tuple[str, object]]:
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, literal(node.value)
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    for one, value in zip(target.elts, node.value.elts, strict=False):
                        yield ast.unparse(one), literal(value)


def _defaults(node: ast.AST) -> Iterator[tuple[str, str, str, str]]:
    if isinstance(node, ast.ClassDef):
        for statement in node.body:
            targets = statement.targets if isinstance(statement, ast.Assign) else []
            if any(ast.unparse(target) == "default_code" for target in targets):
                yield str(literal(statement.value)), node.name, (ast.get_docstring(node) or "").partition("\n\n")[0], ""  # type: ignore[attr-defined]  # an assignment has a value


def statuses() -> list[tuple[str, str, str]]:
    """Return the rows of the server's table: codes, status, what to do."""
    table = (of_server.__doc__ or "").splitlines()
    bars = [number for number, line in enumerate(table) if line.startswith("=====")]
    widths = [len(bar) for bar in table[bars[0]].split()]
    first, second = widths[0] + 2, widths[0] + widths[1] + 4
    return [
        (line[:first].strip(), line[first:second].strip(), line[second:].strip())
        for line in table[bars[1] + 1 : bars[2]]
    ]


def errors_page() -> str:
    """Return the page about errors."""
    kinds = defaultdict[int, list[str]](list)
    for name, one in vars(errors).items():
        if isinstance(one, type) and issubclass(one, MlemError) and one is not MlemError:
            kinds[one.exit_code].append(name)
    rows = [
        f"| {code} | {meaning} | {then} | {', '.join(f'`{kind}`' for kind in kinds[code])} |\n"
        for code, (meaning, then) in DO_NEXT.items()
    ]
    lines = [
        f"| `{name}` | {', '.join(map(str, sorted(code.exits)))} | {code.message} | {code.hint} | "
        f"{', '.join(sorted(code.packages))} |\n"
        for name, code in codes().items()
    ]
    server = [
        f"| {', '.join(f'`{code.strip()}`' for code in names.split(','))} | {status} | {then.replace('``', '`')} |\n"
        for names, status, then in statuses()
    ]
    return ERRORS + "".join(rows) + CODES + "".join(lines) + OF_SERVER + "".join(server)
