"""`InputWatch`: counts what calls bring by what the sample data looked like, beside the calls and within bounds."""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Mapping
from typing import Any

from mlem_model.models.profiles.columns import columns_of_call
from mlem_model.models.profiles.profile import Inputs, Profile
from mlem_server.inference.decoded_size import size_of
from mlem_server.inference.endpoint import Call, Endpoint
from mlem_server.telemetry.model_numbers import ModelNumbers

log = logging.getLogger("mlem.server")

ROWS = 256
"""So many rows of a call are looked at, from a place that is chosen by chance."""
WAITING = 32
"""So many calls may wait to be looked at; those that come then are skipped."""
_LARGEST_BYTES = 2**20
"""A larger value that has no rows is skipped."""
_BUSY_SHARE = 0.05
"""At most this share of its time the thread works: the models need the processor, and Python's lock."""


class InputWatch:
    """Looks at calls on a thread of its own.

    Args:
        profile: What the sample data looked like.
        numbers: Where values are counted.
    """

    def __init__(self, profile: Profile, numbers: ModelNumbers) -> None:
        self._profile = profile
        self._numbers = numbers
        self._failing = False
        for inputs in profile.inputs:  # before there are calls: a number that begins above 0 has no rate
            for name, column in inputs.columns.items():
                numbers.expect(inputs.methods[0], name, column.expected)
        self._work: queue.Queue[tuple[Endpoint, Inputs, Mapping[str, Any]] | None] = queue.Queue(WAITING)
        threading.Thread(target=self._run, name="mlem-drift", daemon=True).start()

    def look(self, call: Call) -> None:
        """Take a look at a call, soon; its values are copied, since the model may change them."""
        inputs = self._profile.of_method(call.endpoint.name)
        if inputs is None:
            return
        taken = None if self._work.full() else _taken(call)
        if taken is None:
            self._numbers.looked_at("skipped")
            return
        self._work.put_nowait((call.endpoint, inputs, taken))

    def close(self) -> None:
        """End the thread when it has looked at what waits."""
        threading.Thread(target=self._work.put, args=(None,), daemon=True).start()

    def _run(self) -> None:
        while (taken := self._work.get()) is not None:
            began = time.thread_time()
            try:
                self._count(*taken)
                self._numbers.looked_at("counted")
            except Exception as error:  # a type of data may raise anything, and no call depends on this
                self._numbers.looked_at("failed")
                if not self._failing:
                    log.warning("the inputs of a call of %s could not be counted: %r", taken[0].name, error)
                self._failing = True
            time.sleep((time.thread_time() - began) * (1 / _BUSY_SHARE - 1))

    def _count(self, endpoint: Endpoint, inputs: Inputs, values: Mapping[str, Any]) -> None:
        for name, found in columns_of_call(endpoint.method, values).items():
            if name in inputs.columns:
                self._numbers.inputs(inputs.methods[0], name, inputs.columns[name].count(found))


def _taken(call: Call) -> dict[str, Any] | None:
    """Return copies of some rows of a call's values; None where there are no rows, and a value is large."""
    types = {argument.name: argument.data_type for argument in call.endpoint.method.args}
    taken = {}
    for name, value in call.values.items():
        count = types[name].rows(value)
        if count is not None and count > ROWS:
            start = random.randrange(count - ROWS + 1)  # noqa: S311  # a sample, no secret
            value = types[name].part(value, start, start + ROWS)
        elif count is None and size_of(Call(call.endpoint, {name: value})) > _LARGEST_BYTES:
            return None
        copy = getattr(value, "copy", None)
        taken[name] = copy() if callable(copy) else value
    return taken
