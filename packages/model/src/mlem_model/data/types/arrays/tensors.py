"""Tensors of PyTorch and TensorFlow: they travel as arrays of numpy do, and are told by the names of their classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

from pydantic import field_validator

from mlem_model.data.types.adapted import AdaptedType
from mlem_model.data.types.arrays.array import NdarrayType
from mlem_model.data.types.base import DataType, module_of
from mlem_model.data.types.plain import scalars
from mlem_model.errors import DataError


class TensorType(AdaptedType):
    """A tensor with the values of an array.

    Attributes:
        shape: The length of each dimension, None where any will do: the first, which counts the rows.
        dtype: Its dtype, as numpy names it: ``float32``, ``int64``, ``bool``.
    """

    shape: tuple[int | None, ...]
    dtype: str

    @field_validator("dtype")
    @classmethod
    def _check_dtype(cls, dtype: str) -> str:
        if scalars.kind_of(dtype) not in ("int", "float", "bool", "str"):
            raise ValueError(f"expected a dtype of integers, floats or booleans, got {dtype!r}")
        return dtype

    @property
    def wire(self) -> DataType:
        """See `AdaptedType.wire`."""
        return NdarrayType(shape=self.shape, dtype=self.dtype)

    def rows(self, value: Any) -> int | None:
        """See `DataType.rows`."""
        return len(value) if self.shape and self.shape[0] is None else None

    def merge(self, others: Sequence[Any]) -> DataType | None:
        """See `DataType.merge`; lengths that differ are left free."""
        merged = self.wire.merge([other.wire for other in others])
        return self.model_copy(update={"shape": merged.shape}) if isinstance(merged, NdarrayType) else None

    @classmethod
    def _described(cls, shape: Sequence[int], dtype: str) -> Self:
        return cls(shape=(None, *shape[1:])[: len(shape)], dtype=dtype)


class TorchType(TensorType):
    """A tensor of PyTorch, on any device; it comes back as one in memory, without a gradient."""

    type: ClassVar[str] = "torch_tensor"

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`."""
        if not _is_torch(value):
            return None
        dtype = str(value.dtype).removeprefix("torch.")
        if str(value.layout) != "torch.strided":
            raise DataError("data", "a dense tensor", f"one of {value.layout}", hint="convert it: tensor.to_dense()")
        if value.is_quantized or scalars.kind_of(dtype) not in ("int", "float", "bool"):
            raise _odd(value.dtype, "tensor.float()")
        return cls._described(tuple(value.shape), dtype)

    def to_wire(self, value: Any) -> Any:
        """See `AdaptedType.to_wire`; a tensor in memory is not copied."""
        if not _is_torch(value):
            return value
        plain = value.detach().cpu()
        if str(plain.dtype).removeprefix("torch.") == "bfloat16" or plain.is_sparse or plain.is_quantized:
            raise _odd(value.dtype, "tensor.float()")
        return plain.resolve_conj().resolve_neg().numpy()

    def from_wire(self, value: Any) -> Any:
        """See `AdaptedType.from_wire`; an array that can be written to is not copied."""
        import torch

        return torch.from_numpy(writable(value))

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return {"torch", "numpy"}


class TensorflowType(TensorType):
    """A tensor of TensorFlow, on any device; one of texts has them in UTF-8."""

    type: ClassVar[str] = "tf_tensor"

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`."""
        if module_of(value) != "tensorflow":
            return None
        if type(value).__name__ in ("RaggedTensor", "SparseTensor"):
            hint = "convert it: " + ("tensor.to_tensor()" if "Ragged" in type(value).__name__ else "tf.sparse.to_dense")
            raise DataError("data", "a dense tensor", f"a {type(value).__name__}", hint=hint)
        if type(value).__name__ != "EagerTensor":
            return None
        dtype = "str" if value.dtype.name == "string" else str(value.dtype.name)
        if scalars.kind_of(dtype) not in ("int", "float", "bool", "str"):
            raise _odd(value.dtype.name, "tf.cast(tensor, tf.float32)")
        return cls._described(tuple(value.shape), dtype)

    def to_wire(self, value: Any) -> Any:
        """See `AdaptedType.to_wire`."""
        if module_of(value) != "tensorflow" or not hasattr(value, "numpy"):
            return value
        if value.dtype.name == "string":
            return _texts(value)
        return value.numpy()

    def from_wire(self, value: Any) -> Any:
        """See `AdaptedType.from_wire`."""
        import tensorflow as tf

        return tf.convert_to_tensor(value)

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return {"tensorflow", "numpy"}


def _is_torch(value: Any) -> bool:
    return module_of(value) == "torch" and hasattr(value, "detach") and hasattr(value, "layout")


def _odd(dtype: Any, conversion: str) -> DataError:
    return DataError(
        "data", "a tensor of integers, floats or booleans", f"one of {dtype}", hint=f"convert it: {conversion}"
    )


def writable(array: Any) -> Any:
    """Return an array that torch can take: writable, in this machine's byte order, without negative strides."""
    import numpy as np

    plain = np.asarray(array)
    plain = plain.astype(plain.dtype.newbyteorder("="), copy=False)
    fits = plain.flags.writeable and all(stride >= 0 for stride in plain.strides)
    return plain if fits else plain.copy()


def _texts(tensor: Any) -> Any:
    import numpy as np

    found = tensor.numpy()
    items = found.ravel().tolist() if tensor.shape else [found]
    try:
        texts = [item.decode() for item in items]
    except UnicodeDecodeError as error:
        raise DataError("data", "a tensor of texts in UTF-8", "one of other bytes") from error
    return np.array(texts, dtype=str).reshape(tuple(tensor.shape))
