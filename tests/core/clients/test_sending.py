"""How the argument of a call is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
import pytest

from mlem import AdaptedType
from mlem.clients.sending import in_binary
from mlem_model.data.formats.binary import ARROW, NPY, load
from mlem_model.data.types.any import infer, parse_type
from mlem_model.data.types.base import DataType
from mlem_model.errors import DataError
from mlem_model.models.model import Argument, Method

SMALL, LARGE = np.ones((2, 2)), np.ones((300, 2))


class Points:
    """Points, which count how often somebody wanted them as an array."""

    def __init__(self, array: Any) -> None:
        self.array, self.converted = array, 0


class PointsType(AdaptedType):
    type: ClassVar[str] = "points_that_count"

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        return cls() if isinstance(value, Points) else None

    @property
    def wire(self) -> DataType:
        return parse_type({"type": "ndarray", "shape": [None, 2], "dtype": "float64"})

    def to_wire(self, value: Any) -> Any:
        if not isinstance(value, Points):
            return value
        value.converted += 1
        return value.array

    def from_wire(self, value: Any) -> Any:
        return Points(value)


def taking(data_type: DataType, **more: DataType) -> Method:
    args = [Argument.model_construct(name=name, data_type=one) for name, one in {"x": data_type, **more}.items()]
    return Method.model_construct(name="predict", args=tuple(args), returns=infer(1))


def test_a_large_value_is_converted_once_for_its_size_its_check_and_its_body() -> None:
    points = Points(LARGE)
    sent = in_binary(taking(PointsType()), {"x": points}, (NPY,))
    assert sent is not None
    assert (sent.media_type, points.converted) == (NPY, 1)
    assert np.array_equal(load(infer(LARGE), bytearray(sent.body), NPY), LARGE)


@pytest.mark.parametrize(
    ("method", "values", "formats"),
    [
        (taking(infer(LARGE)), {"x": SMALL}, (NPY, ARROW)),
        (taking(infer(LARGE)), {"x": LARGE}, ()),
        (taking(infer([1])), {"x": [1] * 1000}, (NPY, ARROW)),
        (taking(infer(LARGE), y=infer(LARGE)), {"x": LARGE}, (NPY,)),
        (taking(infer(LARGE), y=infer(LARGE)), {"x": LARGE, "y": LARGE}, (NPY,)),
    ],
)
def test_json_does_where_a_value_is_small_or_no_binary_format_fits(
    method: Method, values: dict[str, Any], formats: tuple[str, ...]
) -> None:
    assert in_binary(method, values, formats) is None


def test_a_value_that_does_not_fit_is_refused_before_it_is_sent() -> None:
    with pytest.raises(DataError, match=r"x: expected an array of float64 of shape \(any, 2\), got"):
        in_binary(taking(infer(LARGE)), {"x": np.ones((300, 3))}, (NPY,))


def test_a_frame_of_polars_is_sent_as_it_is() -> None:
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"a": np.arange(1000.0), "b": ["x"] * 1000})
    sent = in_binary(taking(infer(frame)), {"x": frame}, (ARROW,))
    assert sent is not None
    assert load(infer(frame), bytearray(sent.body), ARROW).equals(frame)
