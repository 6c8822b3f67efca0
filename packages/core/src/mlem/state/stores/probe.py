"""The probe: asks a store, by trying, whether it can exclude two writers."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mlem.state.manager import ABSENT, Store
from mlem.state.stores.leased import LeasedStateManager
from mlem_model.errors import ConflictError, MlemError, PlatformError, StateUnknownError

ManagerT = TypeVar("ManagerT", bound=LeasedStateManager)
RACES = 20
_ATTEMPTS = 4


def probe(manager: ManagerT, root: Path, races: int = RACES) -> ManagerT:
    """Try what a store promises, under a fresh name that is deleted in the end.

    Args:
        manager: What keeps states; its ``unsafe`` is not looked at.
        root: The project's folder.
        races: How many times two creators are let loose on one name.

    Returns:
        The manager, with what was found out about its server.

    Raises:
        PlatformError: The store does not exclude two writers (code ``unsafe-store``), or does not answer.
        CredentialsError: It refused the credentials.
        NotFoundError: The bucket is not there.
    """
    variants = manager.variants()
    for number, variant in enumerate(variants, start=1):
        try:
            _try_all(variant.open_store(root), races)
        except PlatformError as error:
            if error.code != "unsafe-store" or number == len(variants):
                raise
        else:
            return variant
    raise AssertionError("unreachable")


def _try_all(store: Store, races: int) -> None:
    name = f"mlem-probe-{os.urandom(6).hex()}"
    versions: list[str] = []
    try:
        versions.append(_answered(lambda: store.write(name, b"# first\n", ABSENT)))
        _expect_refusal(store, name, ABSENT, "creates what is there already")
        versions.append(_answered(lambda: store.write(name, b"# second\n", versions[0])))
        _expect_refusal(store, name, versions[0], "replaces a version that is not the newest")
        found = _answered(lambda: store.read(name))
        if found is None or found.version != versions[-1] or found.data != b"# second\n":
            raise _unsafe(store, "does not read what was written last")
        try:
            _answered(lambda: store.delete(name, versions[0]))
        except ConflictError:
            pass
        else:
            raise _unsafe(store, "deletes a version that is not the newest")
        _answered(lambda: store.delete(name, versions[-1]))
        for number in range(races):
            _race(store, f"{name}-{number}")
    except ConflictError as error:
        raise _unsafe(store, f"refuses what it should accept ({error.message})") from error
    finally:
        _clean(store, name)


def _race(store: Store, name: str) -> None:
    """Let two creators loose on one name: one has to win, one to lose."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    barrier = Barrier(2)

    def create(content: bytes) -> str:
        barrier.wait(30)
        try:
            return store.write(name, content, ABSENT)
        except ConflictError:
            return ""

    try:
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(create, [b"# one\n", b"# two\n"]))
        if all(outcomes):
            raise _unsafe(store, "lets two writers create the same name at once")
    except StateUnknownError:
        pass  # an answer that got lost shows nothing
    finally:
        _clean(store, name)


def _expect_refusal(store: Store, name: str, expect: str, fault: str) -> None:
    try:
        _answered(lambda: store.write(name, b"# never\n", expect))
    except ConflictError:
        return
    raise _unsafe(store, fault)


def _unsafe(store: Store, fault: str) -> PlatformError:
    where = store.where("NAME")
    return PlatformError(
        f"{where}: this store {fault}: it can't exclude two writers",
        code="unsafe-store",
        hint="keep states elsewhere; or, when only one machine ever deploys, add --unsafe",
    )


AnswerT = TypeVar("AnswerT")


def _answered(ask: Callable[[], AnswerT]) -> AnswerT:
    """Ask until there is an answer, a few times."""
    for attempt in range(_ATTEMPTS):
        try:
            return ask()
        except StateUnknownError as error:
            if attempt == _ATTEMPTS - 1:
                raise PlatformError(
                    error.message, code="store-unavailable", hint="check the address, and that the server runs"
                ) from error
    raise AssertionError("unreachable")


def _clean(store: Store, name: str) -> None:
    """Delete what is there of a name, traces of a deletion included.

    A store that fails here has told its reason before.
    """
    with contextlib.suppress(MlemError):
        store.discard(name)
