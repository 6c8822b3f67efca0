"""`Families`: all that is counted, by name, as Prometheus calls a metric with its labels."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from mlem_server.telemetry.tallies import TalliedHistogram

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LATE = (0.001, 0.01, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_CALLS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Families:
    """The families of one server; those with the label ``model`` have a row for each model.

    Args:
        registry: Where they are collected.

    Attributes:
        requests: Requests, those of no model under an empty name.
        rejected: Refusals.
        seconds: What requests took.
        queue: What calls waited for the model.
        recorded: Calls that were to be recorded.
        loop_late: How late the event loop was.
        calls: Calls that were joined.
        in_flight: Calls that are being answered.
        late: Calls that took longer than a caller may wait.
        hangs: Calls that were given up.
        load: What loading took.
        info: What is served.
        inputs: Values of columns of calls, by bin.
        expected: The share that a bin had in the sample data.
        looked_at: Calls whose inputs were counted, or were not.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "mlem_requests", "Requests, by what answered and status.", ["model", "method", "code"], registry=registry
        )
        self.rejected = Counter(
            "mlem_rejected", "Requests that were refused, by reason.", ["reason"], registry=registry
        )
        self.recorded = Counter(
            "mlem_recorded_calls",
            "Calls that were chosen to be recorded, by what came of it.",
            ["outcome"],
            registry=registry,
        )
        self.seconds = TalliedHistogram(
            "mlem_request_seconds",
            "From the head of a request to its answer.",
            ["model", "method"],
            registry=registry,
            buckets=_SECONDS,
        )
        self.queue = TalliedHistogram(
            "mlem_queue_seconds", "What a call waited for the model.", ["model"], registry=registry, buckets=_SECONDS
        )
        self.loop_late = TalliedHistogram(
            "mlem_loop_late_seconds",
            "By how much the event loop is late, several times a second.",
            registry=registry,
            buckets=_LATE,
        )
        self.calls = TalliedHistogram(
            "mlem_batch_calls", "Calls that went to the model as one.", ["model"], registry=registry, buckets=_CALLS
        )
        self.in_flight = Gauge(
            "mlem_in_flight",
            "Calls that are being answered.",
            ["model"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.late = Counter(
            "mlem_late_calls",
            "Calls of the model that took longer than a caller may wait.",
            ["model"],
            registry=registry,
        )
        self.hangs = Counter(
            "mlem_hangs", "Calls that were given up, with the process that they had.", ["model"], registry=registry
        )
        self.load = Gauge(
            "mlem_load_seconds", "What loading the model took.", ["model"], registry=registry, multiprocess_mode="max"
        )
        self.info = Gauge(
            "mlem_model_info",
            "The model that is served.",
            ["model", "digest"],
            registry=registry,
            multiprocess_mode="max",
        )
        self.inputs = Counter(
            "mlem_input_values",
            "Values of columns of calls, by the bin of the sample data that they fall into.",
            ["model", "method", "column", "bin"],
            registry=registry,
        )
        self.expected = Gauge(
            "mlem_input_expected_share",
            "The share of a column's values that a bin had in the sample data.",
            ["model", "method", "column", "bin"],
            registry=registry,
            multiprocess_mode="max",
        )
        self.looked_at = Counter(
            "mlem_input_calls",
            "Calls whose inputs were counted, skipped while there were too many, or could not be counted.",
            ["model", "outcome"],
            registry=registry,
        )
