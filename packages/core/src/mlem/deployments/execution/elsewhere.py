"""Whether a deployment is here.

The place on record is compared with the one that is reached from here before anything is concluded.

Settings lead elsewhere from another computer, with another ``DOCKER_HOST`` or another AWS profile: a platform that does
not have the deployment would look as if it were gone.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from mlem.deployments.resolving.resolve import Target
from mlem.state.place import Place
from mlem.state.state import State
from mlem_model.errors import ConflictError, MlemError


def declared_place(target: Target) -> Place | None:
    """Return where a run would deploy."""
    return target.deployment.place(target.context(State(type=target.deployment.type)))


def expect_here(target: Target, state: State) -> None:
    """Check that a deployment is where the platform is asked for it.

    Raises:
        ConflictError: It is elsewhere.
    """
    if state.place is not None:
        expect_place(target, state, target.deployment.place(target.context(state)))


def expect_place(target: Target, state: State, here: Place | None) -> None:
    """Check that a deployment is at a place.

    Raises:
        ConflictError: It is elsewhere.
    """
    if state.place is None or here is None or target.deployment.is_same_place(target.context(state), state.place, here):
        return
    name = target.name
    raise ConflictError(
        f'"{name}" is deployed on {state.place.words}; what is reached from here is {here.words}',
        code="elsewhere",
        hint=f"repeat the command from where that one is reached; to move it: mlem deployment remove {name} there, "
        "then run it here;"
        f" if that one is gone for good: mlem deployment remove {name} --forget",
    )


def has_public_address(target: Target, state: State) -> bool:
    """Say whether a deployment is called under an address that means the same everywhere: no loopback, and not none."""
    url = target.deployment.address(target.context(state), state)
    host = urlsplit(url).hostname if url else None
    if host is None or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:  # a name
        return True


def can_be_asked(target: Target, state: State) -> bool:
    """Say whether the platform that a deployment is on answers from here."""
    ctx = target.context(state)
    try:
        here = target.deployment.place(ctx)
        if state.place is not None and here is not None:
            return target.deployment.is_same_place(ctx, state.place, here)
        target.deployment.status(ctx, state)
    except MlemError:
        return False
    return True
