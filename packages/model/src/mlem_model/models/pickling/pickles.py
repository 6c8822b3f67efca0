"""Pickling of Python objects with the user's own code, with the same bytes each time, and with a list of used modules.

What differs from `cloudpickle.Pickler`, each with its reason:

- modules that no installed package has are pickled by value, so that a ``preprocess.py`` beside the script reaches the
  server;
- file names, line numbers of definitions and the random ids of classes are left out, and sets are sorted, so that the
  same object saved by the same code has the same digest, from whatever folder and at whatever time;
- each module that the object refers to is noted, so that requirements are what the object uses, not what the script
  imported.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import pickletools
import shlex
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Any

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.artifacts.packages.requirements import is_local, local_modules, top_level
from mlem_model.artifacts.python import PYTHON, other_python
from mlem_model.data.types.containers.classes import register_classes
from mlem_model.errors import PluginError, UserError
from mlem_model.models.pickling import pickler

_CODE_MAKERS = frozenset(
    {"CodeType", "_make_function", "_make_skel_func", "_fill_function", "_create_code", "_create_function"}
)
_MODULES_OF_MAKERS = frozenset(
    {"cloudpickle", "cloudpickle.cloudpickle", "cloudpickle.cloudpickle_fast", "dill", "dill.dill", "dill._dill"}
)
"""What cloudpickle and dill, of any version, call to make code when a pickle is loaded."""
_beside: ContextVar[Mapping[str, type] | None] = ContextVar("mlem_classes_beside", default=None)
_LONGEST_MAKER = max(map(len, _CODE_MAKERS))
_CHUNK_BYTES = 1 << 20


_registering = threading.Lock()
_registered: dict[str, int] = {}
"""How many threads are pickling a module by value just now, by the module's name."""


def dump(obj: Any, file: IO[bytes]) -> frozenset[str]:
    """Pickle an object.

    Args:
        obj: The object.
        file: Where to; it is written as the pickle grows.

    Returns:
        The modules that loading it imports.

    Raises:
        UserError: A part of it can't be pickled, or imports a module of the user's inside a function.
    """
    modules: set[str] = set()
    with _by_value():
        try:
            pickler.write(obj, file, modules, _beside.get())
        except UserError:
            raise
        except (pickle.PicklingError, TypeError, AttributeError, NotImplementedError, ValueError) as error:
            raise UserError(
                f"a {type(obj).__qualname__} can't be pickled: {error}",
                code="not-picklable",
                hint="keep connections, locks, files and generators out of the object, "
                "and make them where they are used",
            ) from error
    return frozenset(module for module in modules if not is_local(module))


def dumps(obj: Any) -> bytes:
    """Pickle an object into memory; see `dump`."""
    buffer = io.BytesIO()
    dump(obj, buffer)
    return buffer.getvalue()


def load(file: IO[bytes], requirements: Sequence[Requirement] = ()) -> Any:
    """Load a pickled object. Loading runs code: verify the file's digest before.

    Args:
        file: The pickle.
        requirements: The packages that the object was saved with, for the hint when one is missing.

    Raises:
        PluginError: A package is missing, or is of a version that does not fit.
        UserError: The file is not a pickle.
    """
    pins = shlex.join(requirement.pip for requirement in requirements)
    try:
        unpickler = pickle.Unpickler(file)  # noqa: S301  # the caller has compared its digest with the metadata's
        loaded = unpickler.load()
        _take_classes(unpickler)
        return loaded
    except ModuleNotFoundError as error:
        missing = top_level(error.name or "")
        pin = next((requirement.pip for requirement in requirements if requirement.module == missing), None)
        raise PluginError(
            f'the model needs the module "{error.name}", which is not installed',
            code="missing-module",
            hint=f"pip install {shlex.quote(pin or missing)}",
        ) from error
    except (ImportError, AttributeError, ValueError, TypeError, KeyError, SystemError) as error:
        raise PluginError(
            f"the model does not load with the installed packages: {type(error).__name__}: {error}",
            code="wrong-versions",
            hint=f"install what it was saved with: pip install {pins}" if pins else None,
        ) from error
    except (pickle.UnpicklingError, EOFError) as error:
        raise UserError(f"the artifact is not a pickle: {error}", code="not-a-pickle") from error


@contextlib.contextmanager
def with_classes(classes: Mapping[str, type]) -> Iterator[None]:
    """Save classes along with the objects that are pickled in this context: those that a method's arguments have.

    Args:
        classes: The classes, by `mlem_model.data.types.containers.classes.name_of_class`.
    """
    token = _beside.set(dict(classes) or None)
    try:
        yield
    finally:
        _beside.reset(token)


def _take_classes(unpickler: pickle.Unpickler) -> None:
    """Read the classes that came beside an object, if any did."""
    try:
        found = unpickler.load()
    except EOFError:
        return
    if isinstance(found, dict):
        register_classes({name: cls for name, cls in found.items() if isinstance(name, str) and isinstance(cls, type)})


def has_code(path: Path) -> bool:
    """Whether a pickle contains compiled code, not only names of functions and classes.

    Only the version of Python that compiled such code can run it.

    Args:
        path: The pickle.
    """
    with path.open("rb") as file:
        return _has_code(file)


def expect_python(file: IO[bytes], python: str, *, known: bool = False) -> None:
    """Refuse a pickle with code that another Python compiled, before it is loaded: running it would crash the process.

    Args:
        file: The pickle, at its start; it is left there.
        python: The version that saved it; empty where nobody knows.
        known: Whether it is known to have code; otherwise it is looked through, where that matters.

    Raises:
        PluginError: It has such code.
    """
    saved_by = ".".join(python.split(".")[:2])
    if not saved_by or saved_by == PYTHON or not (known or _has_code(file)):
        return
    raise other_python(saved_by)


def _has_code(file: IO[bytes]) -> bool:
    """Look for the makers of code objects.

    First search for their names anywhere, then, where one is found, for opcodes that load them.
    """
    start = file.tell()
    try:
        tail = b""
        while chunk := file.read(_CHUNK_BYTES):
            if any(maker.encode() in tail + chunk for maker in _CODE_MAKERS):
                break
            tail = chunk[-_LONGEST_MAKER:]
        else:
            return False
        file.seek(start)
        seen: set[str] = set()
        while True:  # the classes that came beside an object are a pickle of their own
            for _, argument, _ in pickletools.genops(file):
                if isinstance(argument, str):
                    seen |= (_CODE_MAKERS | _MODULES_OF_MAKERS).intersection(argument.split(" "))
                    if not (seen.isdisjoint(_CODE_MAKERS) or seen.isdisjoint(_MODULES_OF_MAKERS)):
                        return True
    except ValueError:  # the end of the file, or not a pickle: loading will say so
        return False
    finally:
        file.seek(start)


@contextlib.contextmanager
def _by_value() -> Iterator[None]:
    """Pickle the user's own modules by value while this context lasts in any thread."""
    import cloudpickle

    with _registering:
        others = cloudpickle.list_registry_pickle_by_value() - _registered.keys()  # the user's own
        mine = [module for module in local_modules() if module.__name__ not in others]
        for module in mine:
            _registered[module.__name__] = _registered.get(module.__name__, 0) + 1
            if _registered[module.__name__] == 1:
                cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        with _registering:
            for module in mine:
                _registered[module.__name__] -= 1
                if not _registered[module.__name__]:
                    del _registered[module.__name__]
                    cloudpickle.unregister_pickle_by_value(module)
