"""A file, a folder or a URL becomes a saved model."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlem_model.artifacts.trust import Trust
from mlem_model.errors import MlemError, UserError
from mlem_model.importing import joblib_file
from mlem_model.importing.archives import expect_bounded
from mlem_model.importing.mlem04_model import is_mlem04, read_mlem04
from mlem_model.importing.mlflow_folder import is_mlflow, read_mlflow
from mlem_model.importing.recognition import JOBLIB, PICKLE, kind_of_file
from mlem_model.importing.restricted import Restricted, expect_harmless
from mlem_model.importing.trial import try_apart
from mlem_model.models.model_type import ModelType
from mlem_model.objects.fetched_later import expect_fetched
from mlem_model.objects.file_systems import file_system, translated

_log = logging.getLogger(__name__)
LARGEST_BYTES = 64 * 2**30
"""What is fetched from a URL at most."""
_PICKLE_LOOKED_AT = 1 << 28


def load_file(
    address: str, model_types: Sequence[type[ModelType]], *, type_: str | None = None, trust: Trust = Trust()
) -> tuple[Any, Any]:
    """Load a model that was saved without us.

    Args:
        address: A path, or a URL that fsspec knows, of a file or a folder.
        model_types: The installed model types.
        type_: What it is, where that can't be seen.
        trust: What may be loaded.

    Returns:
        The object; and sample data that came with it, None where none did.

    Raises:
        NotFoundError: It is not there.
        UserError: It is nothing that is known, is damaged, unfolds to too much, or needs code that nobody trusts.
        PluginError: Its framework is not installed.
    """
    with _here(address) as path:
        if path.is_dir() and is_mlflow(path) and type_ is None:
            found = read_mlflow(path)
            for note in found.notes:
                _log.warning("%s: %s", path.name, note)
            for line in _differing(found.requirements):
                _log.warning("%s: %s", path.name, line)
            return _load(found.file, model_types, found.type, trust), found.example
        if is_mlem04(path) and type_ is None:
            file, word = read_mlem04(path)
            return _load(file, model_types, word, trust), None
        return _load(path, model_types, type_, trust), None


def _load(path: Path, model_types: Sequence[type[ModelType]], type_: str | None, trust: Trust) -> Any:
    kind = kind_of_file(path, model_types, type_)
    if path.is_file():
        with path.open("rb") as file:
            expect_fetched(file.read(1024), str(path))
    expect_bounded(path)
    format_ = kind if isinstance(kind, str) else kind.format
    _expect_trusted(path, PICKLE if format_ == JOBLIB else format_, trust)
    if not isinstance(kind, str):
        try_apart(path, kind, trust.types)
        return kind.read(path, trust.types)
    _log.warning(
        "%s is a pickle: it could run any code. It is loaded with the classes of known packages alone%s",
        path.name,
        f", and with {', '.join(trust.types)}, which core.trust.types names" if trust.types else "",
    )
    return _unpickled(path, kind, trust.types)


def _unpickled(path: Path, kind: str, trusted: Sequence[str]) -> Any:
    with joblib_file.unfolded(path) as file:
        if kind == PICKLE:
            expect_harmless(file.read(_PICKLE_LOOKED_AT), trusted)
            file.seek(0)
        try:
            return joblib_file.load(file, trusted) if kind == JOBLIB else Restricted(file, trusted).load()
        except MlemError:
            raise
        except Exception as error:  # whatever unpickling raises at a damaged file
            raise UserError(
                f"{path.name} can't be loaded: {type(error).__name__}: {str(error)[:200]}",
                code="bad-file",
                hint="install the versions of the packages that it was saved with",
            ) from error


def _expect_trusted(path: Path, format_: str, trust: Trust) -> None:
    if trust.formats is not None and format_ not in trust.formats:
        raise UserError(
            f"{path.name} is of the format {format_}, which is not trusted here",
            code="untrusted-format",
            known=trust.formats,
            hint=f"if you trust it: mlem config set core.trust.formats {','.join((*trust.formats, format_))}",
        )


def _differing(requirements: Sequence[str]) -> Iterator[str]:
    """Say which packages are installed in other versions than a model was saved with."""
    from importlib.metadata import PackageNotFoundError, version

    for line in requirements:
        name, separator, wanted = line.partition("==")
        if not separator or name.strip().lower() == "mlflow":
            continue
        try:
            found = version(name.strip())
        except PackageNotFoundError:
            yield f"it was saved with {line}, which is not installed"
            continue
        if found != wanted.strip():
            yield f"it was saved with {line}, and {found} is installed: that one is on record"


@contextmanager
def _here(address: str) -> Iterator[Path]:
    """Return a path of this machine; what is behind a URL is fetched for as long as the context lasts."""
    if "://" not in address:
        yield Path(address)
        return
    fs, place = file_system(address)
    with tempfile.TemporaryDirectory(prefix="mlem-import-") as folder, translated(address, "read"):
        target = Path(folder) / (place.rstrip("/").rpartition("/")[2] or "model")
        names = fs.find(place) if fs.isdir(place) else [place]
        total = sum(int(fs.size(name) or 0) for name in names)
        if total > min(LARGEST_BYTES, shutil.disk_usage(folder).free):
            raise UserError(f"{address} has {total // 2**20} MiB: too much to be fetched here", code="too-large")
        for name in names:
            local = target if name == place else target / name.removeprefix(place.rstrip("/") + "/")
            if not local.resolve().is_relative_to(Path(folder).resolve()):
                raise UserError(f"{address} has a file that leads out of it: {name!r}", code="outside")
            local.parent.mkdir(parents=True, exist_ok=True)
            fs.get_file(name, str(local))
        yield target
