"""Scikit-learn's objects in the format of skops: loading runs no code of the file, and makes only classes that are trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any, ClassVar

from mlem.errors import PluginError, UserError
from mlem.model import Requirement
from mlem.model_types.sklearn import SklearnModel


class SkopsModel(SklearnModel):
    """An object with a class of scikit-learn among its bases, saved with ``format="skops"``.

    Source: https://skops.readthedocs.io/en/stable/persistence.html (read 2026-11).
    """

    type: ClassVar[str] = "sklearn_skops"
    format: ClassVar[str] = "skops"

    @classmethod
    def dump(cls, obj: Any, file: IO[bytes]) -> frozenset[str]:
        """See `ModelType.dump`."""
        sio = _skops()
        file.write(sio.dumps(obj))
        return frozenset({"sklearn", "skops"})

    @classmethod
    def load(cls, file: IO[bytes], requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load`.

        Raises:
            UserError: It has classes that are not trusted.
        """
        sio = _skops()
        data = file.read()
        unknown = sorted(set(sio.get_untrusted_types(data=data)) - set(trusted))
        if unknown:
            raise UserError(
                f"the model has classes that are not trusted: {', '.join(unknown)}",
                code="untrusted-types",
                hint=f"when you trust who saved it: mlem config set core.trust.types {','.join(unknown)}"
                f" (for a server: MLEM_CORE__TRUST__TYPES={','.join(unknown)})",
            )
        return sio.loads(data, trusted=list(trusted))


def _skops() -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise PluginError("models in the format of skops need the package skops", hint="pip install 'mlem-core[skops]'") from error
    return skops.io
