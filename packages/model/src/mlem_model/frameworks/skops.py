"""Scikit-learn's objects in the format of skops.

Loading runs no code of the file, and makes only classes that are trusted: those that skops trusts, those that fitted
estimators are made of, and those that whoever loads names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any, ClassVar

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.artifacts.packages.requirements import is_local, owner_here
from mlem_model.errors import PluginError, UserError
from mlem_model.frameworks import skops_archive
from mlem_model.frameworks.harmless import is_harmless
from mlem_model.frameworks.sklearn import SklearnModel
from mlem_model.models.errors import UnfitError

_HINT = 'save it as a pickle, which includes code: without format="skops"'


class SkopsModel(SklearnModel):
    """An object with a class of scikit-learn among its bases, saved with ``format="skops"``.

    Source: https://skops.readthedocs.io/en/stable/persistence.html (read 2026-11).
    """

    type: ClassVar[str] = "sklearn_skops"
    format: ClassVar[str] = "skops"
    imports: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".skops",)

    @classmethod
    def dump(cls, obj: Any, file: IO[bytes]) -> frozenset[str]:
        """See `ModelType.dump`.

        Raises:
            UnfitError: It has something that can't be saved in the format, or that can't be loaded from it elsewhere.
        """
        sio = _skops()
        try:
            data = sio.dumps(obj)
        except Exception as error:  # of any kind, as the object's parts raise them
            raise _unfit(obj, f"can't be saved in the format of skops: {error}") from error
        named = skops_archive.named(data)
        homeless = sorted(f"{module}.{name}" for module, name in named if _is_homeless(module, name))
        if homeless:
            raise _unfit(
                obj,
                f"has {', '.join(homeless)}, which no installed package has: "
                "the skops format only names code, it does not contain any",
            )
        try:
            sio.loads(data, trusted=sio.get_untrusted_types(data=data))
        except Exception as error:  # of any kind, as above
            raise _unfit(obj, f"can't be loaded again from the format of skops: {error}") from error
        file.write(skops_archive.stable(data))
        return frozenset({"skops", *(module for module, _ in named)})

    @classmethod
    def load(cls, file: IO[bytes], requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load`.

        Raises:
            UserError: It has classes that are not trusted.
        """
        sio = _skops()
        data = file.read()
        try:
            named = set(sio.get_untrusted_types(data=data)) - set(trusted)
        except Exception as error:  # of the archive, of JSON, of skops
            raise UserError(f"this is not a file of skops: {str(error)[:200]}", code="no-skops") from error
        harmless = {name for name in named if is_harmless(name)}
        unknown = sorted(named - harmless)
        if unknown:
            raise UserError(
                f"the model has classes that are not trusted: {', '.join(unknown)}",
                code="untrusted-types",
                hint=f"when you trust who saved it: mlem config set core.trust.types {','.join(unknown)}"
                f" (for a server: MLEM_CORE__TRUST__TYPES={','.join(unknown)})",
            )
        return sio.loads(data, trusted=[*trusted, *harmless])


def _is_homeless(module: str, name: str) -> bool:
    """Whether something was defined in the script, inside a function, or in a file beside the script."""
    return module in ("__main__", "__mp_main__") or "<" in name or (is_local(module) and owner_here(module) is None)


def _unfit(obj: Any, why: str) -> UnfitError:
    return UnfitError(f"the {type(obj).__qualname__} {why}", code="no-skops", hint=_HINT)


def _skops() -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise PluginError(
            "models in the format of skops need the package skops", hint="pip install 'mlem-core[skops]'"
        ) from error
    return skops.io
