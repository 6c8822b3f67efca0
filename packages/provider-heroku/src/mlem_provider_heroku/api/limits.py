"""What Heroku allows: facts that a run has to know before they bite."""

from __future__ import annotations

API_URL = "https://api.heroku.com"
REGISTRY = "registry.heroku.com"

APP_NAME = r"^[a-z][a-z0-9-]{1,28}[a-z0-9]$"
"""Names of apps. Source: Heroku's Platform API schema, ``app.definitions.name`` (June 2026, read 2026-11)."""

CONFIG_VAR_NAME = r"^(?!__)\w+$"
"""Names of config vars. Source: Platform API schema, ``config-var``; Dev Center, "Configuration and Config Vars",
section "Config var policies": no double underscore in front, none of Heroku's own ``HEROKU_`` (read 2026-11)."""

CONFIG_VARS_BYTES = 32 * 1024
"""Names and values of all config vars of an app together. Source: Dev Center, "Configuration and Config Vars", section
"Config var policies" (read 2026-11)."""

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

IMAGE_LAYERS = 40
"""An image of more layers may fail to start in the Common Runtime. Source: Dev Center, "Container Registry & Runtime",
section "Known issues and limitations" (read 2026-11)."""

DYNO_MEMORY_MIB = {
    "eco": 512,
    "basic": 512,
    "standard-1x": 512,
    "standard-2x": 1024,
    "performance-m": 2560,
    "performance-l": 14336,
    "performance-l-ram": 30720,
    "performance-xl": 63488,
    "performance-2xl": 129024,
    "private-s": 1024,
    "private-m": 2560,
    "private-l": 14336,
    "private-l-ram": 30720,
    "private-xl": 63488,
    "private-2xl": 129024,
    "shield-s": 1024,
    "shield-m": 2560,
    "shield-l": 14336,
    "shield-l-ram": 30720,
    "shield-xl": 63488,
    "shield-2xl": 129024,
}
"""Sizes of dynos, with their memory. Source: Dev Center, "Dyno Types" (June 2024, read 2026-11)."""

ONE_DYNO_SIZES = frozenset({"eco", "basic"})
"""Sizes of which Heroku runs one dyno for each process type. Source: Dev Center, "Dyno Scaling and Process Limits",
section "Default Scaling Limits" (November 2024, read 2026-11)."""

MOST_DYNOS = 100
"""Dynos of an app, unless Heroku raised the limit. Source: as `ONE_DYNO_SIZES`."""
