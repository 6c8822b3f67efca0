"""What a model raises, told in a few words."""

from __future__ import annotations

import pytest

from mlem_model.errors import PlatformError, UserError
from mlem_model.models.errors import model_failed


class MuteError(ValueError):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "kind", "code", "message"),
    [
        (
            ValueError("no\n  such   value"),
            UserError,
            "model-refused",
            "predict: the model refused the data: ValueError: no such value",
        ),
        (TypeError(), UserError, "model-refused", "predict: the model refused the data: TypeError"),
        (KeyError("a"), UserError, "model-refused", "predict: the model refused the data: KeyError: 'a'"),
        (RuntimeError("x"), PlatformError, "model-failed", "predict: the model failed: RuntimeError: x"),
        (SystemExit(3), PlatformError, "model-failed", "predict: the model failed: SystemExit: 3"),
        (MuteError(), UserError, "model-refused", "predict: the model refused the data: MuteError"),
        (
            ValueError("x" * 5000),
            UserError,
            "model-refused",
            f"predict: the model refused the data: ValueError: {'x' * 988}...",
        ),
    ],
)
def test_a_model_that_raises(error: BaseException, kind: type[Exception], code: str, message: str) -> None:
    told = model_failed("predict", error, hint="look")
    assert (type(told), told.code, told.message, told.hint) == (kind, code, message, "look")
