"""The picklers behind `pickles`: cloudpickle's, which is fast, and Python's own with the same rules, which sorts sets.

The order of a set is that of its items' hashes, and the hashes of texts differ from run to run. The fast pickler is
written in C and has no hook for sets: it stops where it meets one, and the other one starts again.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import io
import os
import pickle
import sys
import types
import typing
from collections.abc import Callable, Collection, Iterator
from typing import IO, Any

from mlem_model.artifacts.packages.requirements import is_local, is_required
from mlem_model.errors import UserError

_NOT_CONTENT = (
    "__builtins__",
    "__cached__",
    "__file__",
    "__loader__",
    "__path__",
    "__spec__",
)  # of a module: where it was, not what it is
_NOT_OF_A_CLASS = (
    "__firstlineno__",
    "__static_attributes__",
)  # from Python 3.13 on: where it was, and names in the order of their hashes
_PLAIN = frozenset({str, bytes, int, float, bool, type(None), list, dict, tuple, set, frozenset})
_BATCH = 1000
_DEPTH = 20_000
"""The nesting limit of calls in the pickler that is written in Python; each object takes up to three."""


def write(obj: Any, file: IO[bytes], modules: set[str], beside: Any = None) -> None:
    """Pickle an object.

    Args:
        obj: The object.
        file: Where to; it is written while the pickle grows if it has a method ``restart``, else when the pickle is
            complete.
        modules: Gets the names of the modules that loading imports.
        beside: What is written behind the object by the same pickler, so that a class which both refer to is one when
            they are loaded.
    """
    quick, ordered = _classes()
    target: Any = file if hasattr(file, "restart") else _Buffer()
    try:
        _dump(quick(target, modules), obj, beside)
    except _UnorderedError:
        target.restart()
        with _deep():
            _dump(ordered(target, modules), obj, beside)
    if target is not file:
        file.write(target.getbuffer())


def _dump(pickler: Any, obj: Any, beside: Any) -> None:
    pickler.dump(obj)
    if beside is not None:
        pickler.dump(beside)


def imports_of(code: types.CodeType) -> Iterator[tuple[str, int]]:
    """Find the import statements inside a function.

    Yields:
        The module's name and the number of leading dots.
    """
    level = 0
    constants: list[Any] = [0, 0]
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_CONST", "LOAD_SMALL_INT"):
            constants = [constants[-1], instruction.argval]
        elif instruction.opname == "IMPORT_NAME":
            level = constants[0] if isinstance(constants[0], int) else 0
            yield instruction.argval, level
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from imports_of(constant)


class _Buffer(io.BytesIO):
    def restart(self) -> None:
        self.seek(0)
        self.truncate()


class _UnorderedError(Exception):
    """The quick pickler met a set."""


class _Sorted(frozenset[Any]):
    """A set of a function's code, whose items are constants: it pickles in the order of their representations."""

    def __reduce__(self) -> tuple[Any, ...]:
        return frozenset, (sorted(self, key=repr),)


def is_users(module: Any) -> bool:
    """Whether a module is the running script, or another one that no package has."""
    return isinstance(module, str) and (module in ("__main__", "__mp_main__") or is_local(module))


def _cached(obj: Any) -> tuple[Any, ...]:
    """Reduce a function with a cache, which pickles as its name alone, to the function; its cache begins empty."""
    parameters = obj.cache_parameters()
    named: Any = functools
    return (
        named._lru_cache_wrapper,
        (obj.__wrapped__, parameters["maxsize"], parameters["typed"], named._CacheInfo),
        dict(vars(obj)),
    )


def _new_type(obj: Any) -> tuple[Any, ...]:
    """Reduce a `typing.NewType`, which pickles as its name alone, to what it is made of."""
    return typing.NewType, (obj.__name__, obj.__supertype__)


_NAMED: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    type(functools.lru_cache(len)): _cached,
    typing.NewType: _new_type,
}
"""Kinds of objects that pickle as their name in a module: nobody else has the user's."""


def _stable_code(code: types.CodeType) -> types.CodeType:
    """Leave out of a code object where it was written; its nested ones come here by themselves."""
    constants = tuple(_Sorted(constant) if type(constant) is frozenset else constant for constant in code.co_consts)
    return code.replace(co_filename=os.path.basename(code.co_filename), co_firstlineno=1, co_consts=constants)


@contextlib.contextmanager
def _deep() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _DEPTH))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@functools.cache
def _classes() -> tuple[type[Any], type[Any]]:
    """Make the classes: their base is imported only where something is pickled."""
    import cloudpickle
    from cloudpickle import cloudpickle as internals

    class Rules:
        """What to leave out, what to note, what to refuse: the same for both picklers."""

        modules: set[str]

        def _note(self, module: Any) -> None:
            if isinstance(module, str) and is_required(module):
                self.modules.add(module)

        def _note_of(self, obj: Any) -> None:
            if isinstance(obj, type | types.FunctionType | types.BuiltinFunctionType):
                self._note(getattr(obj, "__module__", None))
            elif isinstance(obj, types.ModuleType):
                self._note(obj.__name__)
            else:
                self._note(type(obj).__module__)

        def reducer_override(self, obj: Any) -> Any:
            """Reduce code, functions, classes, modules and kinds of sets without what differs from run to run."""
            kind = type(obj)
            if kind in _PLAIN:
                return NotImplemented
            if isinstance(obj, types.CodeType):
                self._check_imports(obj)
                return internals._code_reduce(_stable_code(obj))
            if isinstance(obj, types.ModuleType) and not internals._should_pickle_by_reference(obj):
                # The content goes into the state, not into the arguments: a package refers to itself through its
                # submodules.
                state = {key: value for key, value in vars(obj).items() if key not in _NOT_CONTENT}
                return types.ModuleType, (obj.__name__,), state
            if kind in _NAMED and is_users(getattr(obj, "__module__", None)):
                return _NAMED[kind](obj)
            if isinstance(obj, set | frozenset) and kind not in self.dispatch_table:
                return self._ordered_items(obj)
            return _stable_class(internals.Pickler.reducer_override(self, obj), internals)

        def _ordered_items(self, obj: Any) -> Any:
            reduced = obj.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
            if (
                isinstance(reduced, tuple)
                and reduced[0] is type(obj)
                and len(reduced[1]) == 1
                and isinstance(reduced[1][0], list)
            ):
                return (reduced[0], (_ordered(reduced[1][0], self.modules, frozenset({id(obj)})),), *reduced[2:])
            return reduced  # it has a way of its own, or is in order

        def _function_getnewargs(self, func: types.FunctionType) -> Any:
            arguments = internals.Pickler._function_getnewargs(self, func)
            for name in ("__file__", "__path__"):
                arguments[1].pop(name, None)
            return arguments

        def _check_imports(self, code: types.CodeType) -> None:
            for name, level in imports_of(code):
                if level or is_local(name):
                    raise UserError(
                        f"{code.co_name} imports {'.' * level}{name} when it is called; "
                        "no package has that module, so servers will not have it",
                        code="local-import",
                        hint=f"import {name or 'it'} at the top of the file, "
                        "so that the parts that the function uses are saved with it",
                    )
                self._note(name)

        dispatch_table = internals.Pickler.dispatch_table

    class Quick(Rules, cloudpickle.Pickler):  # type: ignore[misc]  # the base has no type information
        def __init__(self, file: IO[bytes], modules: set[str]) -> None:
            super().__init__(file, protocol=5)  # the same bytes whatever Python's newest protocol is
            self.modules = modules

        def persistent_id(self, obj: Any) -> None:
            """Note the modules in use, and stop at a set; pickle asks this of every object."""
            kind = type(obj)
            if (kind is set or kind is frozenset) and len(obj) > 1:
                raise _UnorderedError
            self._note_of(obj)

    written_in_python: Any = pickle._Pickler

    class Ordered(Rules, written_in_python):  # type: ignore[misc]  # a class whose type information is incomplete
        def __init__(self, file: IO[bytes], modules: set[str], within: frozenset[int] = frozenset()) -> None:
            super().__init__(file, protocol=5)
            self.modules = modules
            self.globals_ref: dict[int, Any] = {}
            self._within = within

        def persistent_id(self, obj: Any) -> str | None:
            """Note the modules in use; a set inside itself has no order yet, and only stands for itself."""
            self._note_of(obj)
            return "itself" if id(obj) in self._within else None

        def dump(self, obj: Any) -> None:
            """Pickle an object; nesting that is too deep raises the same error as in cloudpickle."""
            try:
                super().dump(obj)
            except RecursionError as error:
                raise pickle.PicklingError("it is nested too deeply") from error

        def _save_set(self, obj: set[Any]) -> None:
            self.write(pickle.EMPTY_SET)
            self.memoize(obj)
            items = _ordered(obj, self.modules, self._within | {id(obj)})
            for start in range(0, len(items), _BATCH):
                self.write(pickle.MARK)
                for item in items[start : start + _BATCH]:
                    self.save(item)
                self.write(pickle.ADDITEMS)

        def _save_frozenset(self, obj: frozenset[Any]) -> None:
            self.write(pickle.MARK)
            for item in _ordered(obj, self.modules, self._within | {id(obj)}):
                self.save(item)
            if id(obj) in self.memo:  # one of its items refers to it: drop what was just written, and use that
                self.write(pickle.POP_MARK + self.get(self.memo[id(obj)][0]))
                return
            self.write(pickle.FROZENSET)
            self.memoize(obj)

        def _save_buffer(self, obj: pickle.PickleBuffer) -> None:
            with obj.raw() as content:
                # Python has one object for all that is empty or one byte long: save, not save_bytes, looks whether it
                # was written
                self.save(content.tobytes() if content.readonly else bytearray(content))

        _function_reduce = internals.Pickler._function_reduce
        _dynamic_function_reduce = internals.Pickler._dynamic_function_reduce
        dispatch = {
            **written_in_python.dispatch,
            set: _save_set,
            frozenset: _save_frozenset,
            pickle.PickleBuffer: _save_buffer,
        }

    def _ordered(items: Collection[Any], modules: set[str], within: frozenset[int]) -> list[Any]:
        """Return the items of a set in an order that depends on what they are alone."""
        kinds = {type(item) for item in items}
        if len(items) < 2 or (len(kinds) == 1 and kinds <= {str, bytes, int}):
            return sorted(items)

        def key(item: Any) -> tuple[str, bytes]:
            content = io.BytesIO()
            Ordered(content, modules, within).dump(item)
            return f"{type(item).__module__}.{type(item).__qualname__}", content.getvalue()

        return sorted(items, key=key)

    return Quick, Ordered


def _stable_class(reduced: Any, internals: Any) -> Any:
    """Leave out the random id that cloudpickle gives a class: only processes that share memory need it."""
    if isinstance(reduced, tuple) and reduced[0] in (internals._make_skeleton_class, internals._make_skeleton_enum):
        function, arguments, state, *rest = reduced
        if isinstance(state, tuple) and isinstance(state[0], dict):
            for name in _NOT_OF_A_CLASS:
                state[0].pop(name, None)
        return (function, (*arguments[:-2], None, arguments[-1]), state, *rest)
    return reduced
