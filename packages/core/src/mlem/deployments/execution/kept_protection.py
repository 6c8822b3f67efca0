"""Authentication never falls away by itself.

What the servers of a deployment have, a command takes from them only when it is told to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mlem.deployments.step import AnyContext, AnyStep, Change, Difference
from mlem.state.protection import FROM_FILE, FROM_HERE, OTHERS, PROTECTION, TOKENS, recorded_protection
from mlem.state.record import record_in
from mlem.state.state import Release
from mlem_model.errors import ConflictError
from mlem_model.serving.protection import TLS_VARIABLE, TOKEN_FILE_VARIABLE, TOKENS_VARIABLE

_WHAT = {"tokens": "asks its callers for a token", "tls": "speaks TLS"}
_MEANT = {"tokens": "let everybody call it from now on", "tls": "serve without TLS from now on"}


def protection_change(
    recorded: Mapping[str, Any] | None, observed: Mapping[str, Any] | None, wanted: Mapping[str, Any] | None
) -> dict[str, Difference]:
    """Say what becomes of the protection of a step's server; empty for a step that starts none.

    Records are given as a state keeps them.

    Args:
        recorded: What is on record; None when nothing is.
        observed: What the platform has; None when that is nothing.
        wanted: What there should be; None when the declaration does without the step.
    """
    told = (recorded, observed, wanted)
    if not any(key in record for record in told if record is not None for key in PROTECTION):
        return {}
    known: dict[str, Any] = {**recorded_protection(recorded or {})}
    if observed is not None:
        # a state that says nothing of it was written before there was a word for it: the platform says how it is
        known = {key: (recorded or {}).get(key) or observed.get(key) or known[key] for key in PROTECTION}
        known = {key: FROM_HERE if value == OTHERS else value for key, value in known.items()}
    after: dict[str, Any] = {**recorded_protection(wanted or {})}
    return {key: Difference(known[key], after[key]) for key in PROTECTION}


def protection_of(records: Mapping[str, Mapping[str, Any]]) -> dict[str, str | None] | None:
    """Say what protects the servers of some records.

    None where no step says so: the platform has its own way, or none is known.
    """
    found: list[dict[str, Any]] = [
        {**recorded_protection(record)} for record in records.values() if any(key in record for key in PROTECTION)
    ]
    return {key: next((one[key] for one in found if one[key]), None) for key in PROTECTION} if found else None


def planned_protection(changes: Sequence[Change]) -> dict[str, Difference] | None:
    """Say what becomes of the protection of a deployment; None where no step says so."""
    found = [change.protection for change in changes if change.protection]
    if not found:
        return None
    return {
        key: Difference(
            next((one[key].old for one in found if one[key].old), None),
            next((one[key].new for one in found if one[key].new), None),
        )
        for key in PROTECTION
    }


def expect_kept(name: str, changes: Sequence[Change], drop: Collection[str]) -> None:
    """Refuse a run after which a server would be without what protects it.

    Args:
        name: The deployment's name.
        changes: What the run would do.
        drop: What may fall away, ``tokens`` or ``tls``.

    Raises:
        ConflictError: Something else would fall away.
    """
    for key, one in (planned_protection(changes) or {}).items():
        if one.old and not one.new and key not in drop:
            variable = (
                TLS_VARIABLE if key != TOKENS else TOKEN_FILE_VARIABLE if one.old == FROM_FILE else TOKENS_VARIABLE
            )
            way = f"export {variable}=..." if variable == TOKENS_VARIABLE else f"declare or set {variable} again"
            raise _dropped(
                name, key, f"would not any more: {variable} is not set here", f"{way}, then repeat the command"
            )


def expect_kept_by(
    name: str, steps: Sequence[AnyStep], ctx: AnyContext, release: Release, drop: Collection[str]
) -> None:
    """Refuse to put a release back whose servers had no protection, while those that serve have it.

    Args:
        name: The deployment's name.
        steps: Its steps.
        ctx: Their context, with the records of what serves.
        release: What is to be put back.
        drop: What may fall away, ``tokens`` or ``tls``.

    Raises:
        ConflictError: It is one.
    """
    for step in steps:
        recorded, there = record_in(ctx.records, step.record), release.records.get(step.name)
        if recorded is None or there is None:
            continue
        wanted = None if recorded.knows(TOKENS) else step.wanted(ctx)
        observed = step.observe(ctx, recorded) if wanted is not None and wanted.knows(TOKENS) else None
        seen = None if observed is None else observed.to_data()
        for key, one in protection_change(recorded.to_data(), seen, there).items():
            if one.old and not one.new and key not in drop:
                again = f"deploy that model again: mlem deployment run --load {name} --model MODEL"
                raise _dropped(name, key, f"release {release.number} did not, as far as is known", again)


def _dropped(name: str, key: str, why: str, way: str) -> ConflictError:
    hint = f"{way}; or {_MEANT[key]}: --drop-{key}"
    return ConflictError(f'"{name}" {_WHAT[key]}, and {why}', code=f"{key}-dropped", hint=hint)
