"""Steps, contexts and records are typed: a type checker finds a wrong field, and no provider works around it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for place in ("packages/provider-*/src", "examples/*/src") for path in ROOT.glob(f"{place}/**/*.py")
)

RECORDS = {"recorded", "wanted", "earlier", "record"}
"""What providers call a record."""
OF_ALL_STEPS = {"records", "put_back"}
"""What has the records of all steps, as a state keeps them: `record_of` and `put_back_of` read them."""

PROVIDER = """
from typing import ClassVar
from mlem import Context, Deployment, Env, Record, State, Step

class ThingEnv(Env):
    region: str = "eu"

class ThingApp(Deployment):
    size: int = 1

class ThingRecord(Record):
    step: ClassVar[str] = "thing"
    port: int = 0

class OtherRecord(Record):
    step: ClassVar[str] = "other"
    name: str = ""

ThingContext = Context[ThingApp, ThingEnv]

class ThingStep(Step[ThingApp, ThingEnv, ThingRecord]):
    record = ThingRecord

    def wanted(self, ctx: ThingContext) -> ThingRecord:
        return ThingRecord(port=ctx.deployment.size + len(ctx.env.region))

    def apply(self, ctx: ThingContext, wanted: ThingRecord, recorded: ThingRecord | None) -> ThingRecord:
        return wanted.changed(port=wanted.port + 1)

    def remove(self, ctx: ThingContext, recorded: ThingRecord | None) -> None:
        other = ctx.record_of(OtherRecord)
        print(other.name if other else recorded)
"""

WRONG = {
    "def declared(ctx: ThingContext) -> int: return ctx.deployment.capacity": '"ThingApp" has no attribute "capacity"',
    "def where(ctx: ThingContext) -> str: return ctx.env.zone": '"ThingEnv" has no attribute "zone"',
    "def read(ctx: ThingContext, recorded: ThingRecord) -> int: return recorded.prot": (
        '"ThingRecord" has no attribute "prot"'
    ),
    "def make() -> ThingRecord: return ThingRecord(prot=1)": 'Unexpected keyword argument "prot" for "ThingRecord"',
    "def other(state: State) -> int: return state.record_of(OtherRecord).port": (
        '"OtherRecord | None" has no attribute "port"'
    ),
    "def typed(recorded: ThingRecord) -> str: return recorded.port": "Incompatible return value type",
    "class Mixed(ThingStep): record = OtherRecord": "Incompatible types in assignment",
    "def wants(ctx: Context[Deployment, Env]) -> None: ThingStep().wanted(ctx)": (
        'Argument 1 to "wanted" of "ThingStep" has'
    ),
}
"""What nobody should get away with, and what a type checker says of it."""


def check_types(path: Path) -> dict[int, str]:
    """Return what mypy, as strict as for our own packages, says of a module, by line."""
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == "", done.stderr
    found: dict[int, str] = {}
    for number, words in re.findall(rf"{re.escape(path.name)}:(\d+): error: (.*)$", done.stdout, re.MULTILINE):
        found[int(number)] = f"{found.get(int(number), '')}{words}\n"
    return found


def test_a_wrong_field_of_a_record_a_deployment_or_an_env_is_a_type_error(tmp_path: Path) -> None:
    lines = [*PROVIDER.splitlines(), *WRONG]
    module = tmp_path / "thing.py"
    module.write_text("\n".join(lines) + "\n")
    found = check_types(module)
    first = len(lines) - len(WRONG) + 1
    assert {line for line in found if line < first} == set(), found  # the provider itself is right
    assert [
        code for number, (code, words) in enumerate(WRONG.items(), first) if words not in found.get(number, "")
    ] == [], found


def untyped(code: str) -> Iterator[str]:
    """Yield what a module does without types: a cast of a context, a record that is read by strings."""
    for node in ast.walk(ast.parse(code)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("get", "items", "keys", "values")
        ):
            is_read = _is_record(node.func.value) or _is_all_records(node.func.value)
        elif isinstance(node, ast.Subscript):
            is_text = isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
            is_read = _is_all_records(node.value) or (is_text and _is_record(node.value))
        else:
            is_cast = isinstance(node, ast.Call) and ast.unparse(node.func) in ("cast", "typing.cast")
            is_read = is_cast and re.search(r"\bctx\b", ast.unparse(node)) is not None
        if is_read:
            yield ast.unparse(node)


def _is_record(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in RECORDS


def _is_all_records(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in OF_ALL_STEPS


def test_no_provider_casts_a_context_or_reads_a_record_by_a_string() -> None:
    found = {str(path.relative_to(ROOT)): [*untyped(path.read_text(encoding="utf-8"))] for path in SOURCES}
    assert len(found) > 60
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "code",
    [
        "cast('DockerEnv', ctx.env)",
        "typing.cast(LocalProcess, ctx.deployment)",
        "recorded['pid']",
        "wanted.get('tokens')",
        "ctx.records['app']",
        "ctx.records.get(ContainerStep.name)",
        "ctx.put_back.get(self.name, {})",
        "state.records.values()",
    ],
)
def test_what_works_around_the_types_is_found(code: str) -> None:
    assert [*untyped(f"def apply(self, ctx, wanted, recorded):\n    return {code}")] == [code]


def test_what_is_typed_is_let_through() -> None:
    assert [
        *untyped(
            "recorded.pid, ctx.record_of(AppRecord), found['Id'], wanted.changed(pid=7), keep[0].id, not ctx.put_back"
        )
    ] == []
