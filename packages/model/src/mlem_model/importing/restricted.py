"""Pickles of somebody else: only what fitted estimators are made of is loaded, whatever else a pickle names is refused.

A pickle is a program: it names functions, and calls them. Here it gets classes of the packages that estimators are
from, and the few functions that arrays and frames are pickled by; everything else needs a user who trusts it by name.
"""

from __future__ import annotations

import importlib
import io
import pickle
import pickletools
from collections.abc import Iterable
from typing import IO, Any

from mlem_model.errors import PluginError, UserError
from mlem_model.frameworks.harmless import is_class_of_its_package, may_be_class

_FUNCTIONS = frozenset(
    {
        "_codecs.encode",
        "collections.OrderedDict",
        "collections.defaultdict",
        "copyreg._reconstructor",
        "copy_reg._reconstructor",
        "functools.partial",
        "joblib.numpy_pickle.NumpyArrayWrapper",
        "numpy.dtype",
        "numpy.ndarray",
        "numpy.random._pickle.__bit_generator_ctor",
        "numpy.random._pickle.__generator_ctor",
        "numpy.random._pickle.__randomstate_ctor",
        "pandas._libs.internals._unpickle_block",
        "pandas.core.indexes.base._new_Index",
        *(
            f"{module}.{name}"
            for module in ("numpy.core.multiarray", "numpy._core.multiarray")
            for name in ("_reconstruct", "scalar")
        ),
        *(
            f"numpy.{name}"
            for name in ("bool_", "float32", "float64", "int8", "int16", "int32", "int64", "object_", "str_")
        ),
        *(f"{module}._frombuffer" for module in ("numpy.core.numeric", "numpy._core.numeric")),
    }
)
"""What arrays, frames and containers are pickled by. None of them calls what it is given by name."""
_MOST_NAMED = 100
_KEEPING = ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT")
_FETCHING = ("GET", "BINGET", "LONG_BINGET")
_UNPICKLERS = "__pyx_unpickle_"
"""Functions that Cython makes for its classes."""


class Restricted(pickle.Unpickler):
    """An unpickler that makes only what estimators are made of.

    Args:
        file: The pickle.
        trusted: Further names that may be used: ``shop.features.Encoder``.
    """

    def __init__(self, file: IO[bytes], trusted: Iterable[str] = ()) -> None:
        super().__init__(file)
        self._trusted = frozenset(trusted)

    def find_class(self, module: str, name: str) -> Any:
        """Return what the pickle names.

        Raises:
            UserError: It is not known to be harmless, and nobody trusts it.
        """
        return find(module, name, self._trusted)


def find(module: str, name: str, trusted: frozenset[str]) -> Any:
    """Return what a pickle names.

    Args:
        module: The module.
        name: The name in it, which may have dots.
        trusted: Names that the user trusts.

    Raises:
        UserError: It is not known to be harmless, and nobody trusts it.
        PluginError: The module is not installed.
    """
    full = f"{module}.{name}"
    if not _seems_harmless(full, trusted):
        raise _refusal([full])
    try:
        found = importlib.import_module({"copy_reg": "copyreg"}.get(module, module))
        for part in name.split("."):
            found = getattr(found, part)
    except ModuleNotFoundError as error:
        missing = str(error.name or module).partition(".")[0]
        raise PluginError(
            f'the model needs the module "{missing}", which is not installed',
            code="missing-module",
            hint=f"pip install {missing}",
        ) from error
    except (ImportError, AttributeError) as error:
        raise PluginError(
            f"the model does not load with the installed packages: {error}",
            code="wrong-versions",
            hint="install the versions that it was saved with",
        ) from error
    if full not in trusted and full not in _FUNCTIONS and not _is_harmless(found, name):
        raise _refusal([full])
    return found


def names_in(content: bytes) -> set[str]:
    """Return what a pickle seems to name, for a message: what it really names is seen when it is loaded."""
    found: set[str] = set()
    memo: dict[int, str] = {}
    last = before = ""
    try:
        for opcode, argument, _ in pickletools.genops(io.BytesIO(content)):
            if opcode.name in _KEEPING:
                memo[len(memo) if opcode.name == "MEMOIZE" else int(argument or 0)] = last
                continue
            pushed = memo.get(int(argument or 0), "") if opcode.name in _FETCHING else argument
            if opcode.name == "GLOBAL":
                found.add(str(argument).replace(" ", "."))
            elif opcode.name == "STACK_GLOBAL" and last and before:
                found.add(f"{before}.{last}")
            before, last = last, pushed if isinstance(pushed, str) and opcode.name != "GLOBAL" else ""
    except Exception:  # what is cut, or of another protocol, is told when it is loaded
        return found
    return found


def expect_harmless(content: bytes, trusted: Iterable[str]) -> None:
    """Refuse a pickle that names what is not known to be harmless, before any of it runs, with all the names.

    Raises:
        UserError: It does.
    """
    known = frozenset(trusted)
    odd = sorted(name for name in names_in(content) if not _seems_harmless(name, known))
    if odd:
        raise _refusal(odd)


def _seems_harmless(full: str, trusted: frozenset[str]) -> bool:
    module, _, name = full.rpartition(".")
    return full in trusted or full in _FUNCTIONS or may_be_class(module, name)


def _is_harmless(found: Any, name: str) -> bool:
    return is_class_of_its_package(found, name) or name.startswith(_UNPICKLERS)


def _refusal(names: list[str]) -> UserError:
    trusting = f"mlem config set core.trust.types {','.join(names[:_MOST_NAMED])}"
    return UserError(
        f"the pickle names what could be any code, and nothing of it was run: {', '.join(names[:10])}",
        code="untrusted-types",
        hint=f"if you know who made it, and trust these: {trusting}; or let its maker save it with mlem.api.save",
    )
