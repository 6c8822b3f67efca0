"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# A shared machine is now and then slow: a deadline would find its pauses, not our faults.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")
