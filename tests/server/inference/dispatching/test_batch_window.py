from __future__ import annotations

import pytest

from mlem_server.inference.dispatching.batch_window import LONGEST_S, BatchWindow


def test_a_batch_window_is_bounded_by_the_models_time_and_by_a_limit() -> None:
    window = BatchWindow()
    assert window.left_s(0.0, 1) == 0.0
    window.answered(now=10.0, took_s=0.004, callers=3, waiting=1)
    assert window.left_s(10.0, 3) == pytest.approx(0.002)
    assert (window.left_s(10.0, 4), window.left_s(10.0021, 1)) == (0.0, 0.0)
    window.answered(now=20.0, took_s=60.0, callers=3, waiting=0)
    assert window.left_s(20.0, 1) == pytest.approx(LONGEST_S)
    window.answered(now=30.0, took_s=60.0, callers=1, waiting=0)
    assert window.left_s(30.0, 1) == 0.0
