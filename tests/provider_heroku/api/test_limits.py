"""Heroku's limits are written in the provider and in the simulator: they have to agree."""

from __future__ import annotations

import mlem_heroku_simulator.limits as simulated
from mlem_provider_heroku.api import limits

PLAIN = ("BOOT_TIMEOUT_S", "REQUEST_TIMEOUT_S", "CALLS_PER_HOUR", "LOG_LINES", "MOST_DYNOS")


def test_the_provider_and_the_simulator_have_the_same_limits() -> None:
    assert {name: getattr(limits, name) for name in PLAIN} == {name: getattr(simulated, name) for name in PLAIN}
    assert {*limits.DYNO_MEMORY_MIB} == simulated.DYNO_SIZES
    assert [f"^{pattern}$" for pattern in (simulated.APP_NAME, simulated.CONFIG_VAR_NAME)] == [
        limits.APP_NAME,
        limits.CONFIG_VAR_NAME,
    ]
