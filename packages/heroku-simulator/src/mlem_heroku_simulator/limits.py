"""What Heroku allows, as the simulator has it: facts of its own, so that it judges a provider by Heroku's word."""

from __future__ import annotations

APP_NAME = r"[a-z][a-z0-9-]{1,28}[a-z0-9]"
"""Names of apps. Source: Heroku's Platform API schema, ``app.definitions.name`` (June 2026, read 2026-11)."""

CONFIG_VAR_NAME = r"(?!__)\w+"
"""Names of config vars. Source: Platform API schema, ``config-var``; Dev Center, "Configuration and Config Vars",
section "Config var policies": no double underscore in front (read 2026-11)."""

BOOT_TIMEOUT_S = 60
"""A web process that has not bound to ``$PORT`` by then is killed: R10. Source: Dev Center, "Heroku Error Codes", R10
(read 2026-11)."""

REQUEST_TIMEOUT_S = 30
"""The router gives a request up when no byte of the answer came by then: H12. Source: Dev Center, "Heroku Error Codes",
H12; "Request Timeout" (read 2026-11)."""

CALLS_PER_HOUR = 4500
"""Calls of the API for an account; about 75 come back each minute, and ``RateLimit-Remaining`` says how many are left.
Source: Dev Center, "Platform API Reference", section "Rate Limits" (read 2026-11)."""

LOG_LINES = 1500
"""Lines that Heroku keeps. Source: Dev Center, "Logging", section "Log history limits" (read 2026-11)."""

DYNO_SIZES = frozenset(
    {
        *("eco", "basic", "standard-1x", "standard-2x"),
        *(f"performance-{size}" for size in ("m", "l", "l-ram", "xl", "2xl")),
        *(f"{space}-{size}" for space in ("private", "shield") for size in ("s", "m", "l", "l-ram", "xl", "2xl")),
    }
)
"""Sizes of dynos. Source: Dev Center, "Dyno Types" (June 2024, read 2026-11)."""

MOST_DYNOS = 100
"""Dynos of an app, unless Heroku raised the limit. Source: Dev Center, "Dyno Scaling and Process Limits", section
"Default Scaling Limits" (November 2024, read 2026-11)."""
