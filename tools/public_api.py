"""The public names as stubs, and what a change would break of them.

    python tools/public_api.py check      what those who use a public name would notice, against the last release's
    python tools/public_api.py write      at a release, or where something is broken on purpose: make the stubs anew

`public_api/` has a stub for each door: what plugins (`mlem`, `mlem.provider`, `mlem.testing`) and programs (`mlem.api`)
may use, as it was at the last release. griffe compares.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe

ROOT = Path(__file__).parents[1]
DOORS = ("mlem", "mlem.provider", "mlem.testing", "mlem.api")
STUBS = ROOT / "public_api"
_SOURCES = [ROOT / "packages" / package / "src" for package in ("core", "model")]


@functools.cache
def _modules() -> Any:
    loader = griffe.GriffeLoader(search_paths=_SOURCES)
    loader.load("mlem")
    loader.load("mlem_model")
    loader.resolve_aliases(external=False)
    return loader.modules_collection


def public(door: str) -> dict[str, Any]:
    """Return what a door's names stand for."""
    module = _modules()[door]
    found = {str(name): module[str(name)] for name in module.exports or ()}
    return {name: one.final_target if one.is_alias else one for name, one in sorted(found.items())}


def stub(door: str) -> str:
    """Return the stub of a door; what an earlier one has under the same name is described there alone."""
    lines = [f'"""The public names of {door}."""', "", "from typing import Any", ""]
    earlier = [public(other) for other in DOORS[: DOORS.index(door)]]
    for name, found in public(door).items():
        if any(name in names and names[name].path == found.path for names in earlier):
            lines += [f"{name}: Any = ...", ""]
        else:
            lines += [*_lines(name, found, ""), ""]
    return "\n".join(lines)


def _lines(name: str, found: Any, indent: str) -> Iterator[str]:
    if found.is_class:
        yield f"{indent}class {name}:"
        members = [(each, member) for each, member in found.all_members.items() if _is_public(each, member)]
        for each, member in sorted(members):
            yield from _lines(each, member.final_target if member.is_alias else member, f"{indent}    ")
        if not members:
            yield f"{indent}    pass"
    elif found.is_function:
        kinds = {"staticmethod", "classmethod", "property", "async"} & set(found.labels)
        yield from (f"{indent}@{kind}" for kind in sorted(kinds - {"async"}))
        prefix = "async " if "async" in kinds else ""
        yield f"{indent}{prefix}def {name}({_parameters(found)}) -> Any: ..."
    else:
        yield f"{indent}{name}: Any = ..."


def _parameters(found: Any) -> str:
    words, only_names = [], False
    for each in found.parameters:
        kind = each.kind.value if each.kind is not None else ""
        if kind == "keyword-only" and not only_names:
            only_names = True
            words.append("*")
        star = {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")
        only_names = only_names or star == "*"
        words.append(f"{star}{each.name}" + ("=..." if each.default is not None and not star else ""))
        last = [other for other in found.parameters if other.kind is not None and other.kind.value == "positional-only"]
        if last and each is last[-1]:
            words.append("/")
    return ", ".join(words)


def _is_public(name: str, member: Any) -> bool:
    return (name == "__init__" or not name.startswith("_")) and not (member.is_alias and not member.resolved)


def broken(door: str) -> Iterator[str]:
    """Say what those who use a door would notice."""
    path = STUBS / f"{door}.pyi"
    with (
        griffe.temporary_visited_module(path.read_text(encoding="utf-8"), module_name="before") as before,
        griffe.temporary_visited_module(stub(door), module_name="now") as now,
    ):
        for each in griffe.find_breaking_changes(before, now):
            yield f"{door}: {each.explain(griffe.ExplanationStyle.ONE_LINE)}"


def main(what: str) -> None:
    """Check, or write."""
    if what == "write":
        STUBS.mkdir(exist_ok=True)
        for door in DOORS:
            (STUBS / f"{door}.pyi").write_text(stub(door), encoding="utf-8")
        return
    told = [line for door in DOORS for line in broken(door)]
    for line in told:
        print(line)
    if told:
        raise SystemExit(
            "what plugins and programs use would break; see docs/explanation/versions.md. Where it is meant, say it in "
            "changes/*.removal.md, and run: python tools/public_api.py write"
        )
    print("nothing that plugins and programs use is broken")


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else "check")
