"""Modules of PyTorch as exported programs, and, where a module has none, as a pickle with their code.

An exported program is a graph of operators with its weights, in the format pt2. It needs none of the module's code.
Reading one is not safe by itself: PyTorch's reader unpickles what a file marks as pickled, and whatever it can't read
otherwise; it evaluates expressions and makes Python of the graph (``torch/_export/serde/serialize.py`` and
``torch/export/pt2_archive/_package.py`` of torch 2.13; https://github.com/pytorch/pytorch/pull/176791). So
`program_archive` refuses before it is read what none of our files has. PyTorch's maintainers say of every model that it
is a program: https://github.com/pytorch/pytorch/blob/main/SECURITY.md (all read 2026-11).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import IO, Any, ClassVar

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.errors import UserError
from mlem_model.frameworks.neural.device import placed
from mlem_model.frameworks.neural.modules import (
    CALL,
    ServedModule,
    evaluating,
    in_memory,
    is_module,
    needed_torch,
    unfit,
)
from mlem_model.frameworks.neural.program_archive import expect_plain
from mlem_model.models.method_choice import PREDICT
from mlem_model.models.model_type import ModelType
from mlem_model.models.pickling import pickles


class TorchModel(ModelType):
    """A module as the program that `torch.export` makes of it, for any number of rows.

    Source: https://docs.pytorch.org/docs/stable/export.html (read 2026-11).
    """

    type: ClassVar[str] = "torch"
    format: ClassVar[str] = "pt2"
    converts: ClassVar[bool] = True
    first_only: ClassVar[bool] = False

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`."""
        return is_module(obj)

    @classmethod
    def methods(cls, obj: Any) -> Mapping[str, str]:
        """See `ModelType.methods`."""
        return {PREDICT: CALL}

    @classmethod
    def served(cls, obj: Any) -> Any:
        """See `ModelType.served`."""
        return ServedModule(obj)

    @classmethod
    def placed(cls, obj: Any) -> Any:
        """See `ModelType.placed`."""
        return placed(obj)

    @classmethod
    def prepared(cls, obj: Any, sample_data: Any) -> Any:
        """See `ModelType.prepared`; the archive of the program, which has neither the sample nor paths of files.

        Raises:
            UnfitError: The module can't be exported, or its program takes only as many rows as the sample has.
        """
        if sample_data is None:
            raise unfit(obj, "is exported with sample_data, and there is none")
        module = in_memory(obj)
        inputs = ServedModule(module).inputs(sample_data)
        if not all(map(_is_tensors, inputs)):
            raise unfit(obj, "takes something else than tensors, which a program of torch.export can't")
        program = _exported(module, inputs)
        content = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the framework about its own
            needed_torch().export.save(_bare(program), content)
        try:
            expect_plain(content)
        except UserError as error:
            raise unfit(obj, f"can't be exported as plain data: {error.message}") from error
        return content

    @classmethod
    def dump(cls, obj: Any, file: IO[bytes]) -> frozenset[str]:
        """See `ModelType.dump`."""
        file.write(obj.getbuffer())
        return frozenset({"torch", "numpy"})

    @classmethod
    def load(cls, file: IO[bytes], requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load`; a module that is made of the program.

        Raises:
            UserError: It is not such a program, or has something that would be run when it is read.
        """
        torch = needed_torch()
        content = io.BytesIO(file.read())
        expect_plain(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the framework about its own
                return torch.export.load(content).module(check_guards=False)
        except Exception as error:  # the reader raises what it likes
            reason = " ".join(str(error).split())[:300]
            raise UserError(f"this is not a program of torch.export: {reason}", code="no-torch") from error


class TorchModule(TorchModel):
    """A module that has no program: its state and its code, as a pickle."""

    type: ClassVar[str] = "torch_module"
    format: ClassVar[str] = "pickle"
    converts: ClassVar[bool] = False

    @classmethod
    def prepared(cls, obj: Any, sample_data: Any) -> Any:
        """See `ModelType.prepared`; a copy in memory where it is on a device."""
        return in_memory(obj)

    @classmethod
    def dump(cls, obj: Any, file: IO[bytes]) -> frozenset[str]:
        """See `ModelType.dump`."""
        with evaluating(obj):
            return pickles.dump(obj, file)

    @classmethod
    def load(cls, file: IO[bytes], requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load`."""
        return pickles.load(file, requirements)


def _is_tensors(value: Any) -> bool:
    if isinstance(value, dict | list | tuple):
        return all(map(_is_tensors, value.values() if isinstance(value, dict) else value))
    return hasattr(value, "detach")


def _exported(module: Any, inputs: tuple[Any, ...]) -> Any:
    """Export a module, first with lengths that may vary.

    Raises:
        UnfitError: It can't be exported.
    """
    torch = needed_torch()
    # a length of 1 would be taken for one that never varies
    example = _mapped(inputs, lambda one: torch.cat([one, one]) if one.ndim and len(one) == 1 else one)
    dynamic = _mapped(example, lambda one: dict.fromkeys(range(one.ndim), torch.export.Dim.AUTO))
    try:
        with warnings.catch_warnings(), evaluating(module), torch.no_grad():
            warnings.simplefilter("ignore")  # of the framework about its own
            program = torch.export.export(module, example, dynamic_shapes=_by_name(module, dynamic))
    except Exception as error:  # the user's code, and what export says of it
        raise unfit(module, f"can't be exported: {_short(error)}") from error
    made = program.module(check_guards=False)
    for rows in (_mapped(inputs, lambda one: one[:1]), _mapped(inputs, lambda one: torch.cat([one, one, one]))):
        if not _alike(module, made, rows):
            raise unfit(module, "can only be exported for as many rows as the sample has")
    return program


def _by_name(module: Any, dynamic: tuple[Any, ...]) -> Any:
    """Return what varies of the arguments; of ``*args`` all together."""
    import inspect

    parameters = [*inspect.signature(module.forward).parameters.values()]
    if any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in parameters):
        named = [one for one in parameters if one.kind is not inspect.Parameter.VAR_POSITIONAL][: len(dynamic)]
        return (*dynamic[: len(named)], tuple(dynamic[len(named) :]))
    return dynamic


def _alike(module: Any, made: Any, rows: tuple[Any, ...]) -> bool:
    """Say whether a program answers some rows as its module does; where the module can't, nothing is expected."""
    torch = needed_torch()
    try:
        expected = ServedModule(module)(*rows)
    except Exception:  # the user's code
        return True
    try:
        torch.testing.assert_close(ServedModule(made)(*rows), expected, equal_nan=True)
    except Exception:  # the program, and what the comparison says
        return False
    return True


def _bare(program: Any) -> Any:
    """Return a program without the sample, and without the files and lines that it was made from."""
    program._example_inputs, program._guards_code = None, []
    for part in program.graph_module.modules():
        for node in getattr(getattr(part, "graph", None), "nodes", ()):
            for name in ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn", "custom"):
                node.meta.pop(name, None)
    return program


def _mapped(value: Any, change: Any) -> Any:
    if isinstance(value, dict):
        return {name: _mapped(item, change) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_mapped(item, change) for item in value)
    return change(value)


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
