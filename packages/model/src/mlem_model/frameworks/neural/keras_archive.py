"""What is in a ``.keras`` file: what is refused before Keras reads it, and the same bytes for the same model.

A configuration may name any function of any installed module, and have code of Python in it; weights may be in other
files. Keras refuses some of it in its safe mode, and has not always refused all of it
(https://github.com/keras-team/keras/security/advisories, read 2026-11). So only parts that are on a list are read.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from mlem_model.errors import UserError

_FILES = re.compile(r"config\.json|metadata\.json|model\.weights\.h5|(assets|_layers_assets)/[\w./ -]*")
_MODULES = re.compile(
    r"keras(\.(layers|initializers|regularizers|constraints|activations|dtype_policies|models|optimizers"
    r"|optimizers\.schedules|losses|metrics|quantizers|random|ops|src\.(models|layers|ops)(\.\w+)*))?"
)
_CODE = ("Lambda", "__lambda__", "function", "__typespec__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
_WEIGHTS = "model.weights.h5"
_TIME = (1980, 1, 1, 0, 0, 0)


def stable(content: bytes) -> bytes:
    """Return a file's content without what differs each time a model is saved: times, and numbers of objects in memory.

    What the model was compiled with is left out, too: it is loaded to predict.

    Args:
        content: The file's content, as Keras has written it.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in sorted(source.namelist()):
            data = source.read(name)
            if name == "config.json":
                config = json.loads(data)
                config.pop("compile_config", None)
                data = json.dumps(_numbered(config, {})).encode()
            elif name == "metadata.json":
                about = json.loads(data)
                about.pop("date_saved", None)
                data = json.dumps(about).encode()
            target.writestr(zipfile.ZipInfo(name, _TIME), data)
    return buffer.getvalue()


def expect_plain(content: bytes) -> None:
    """Refuse a file that has code, names other things than parts of Keras, or has weights in other files.

    Args:
        content: The file's content.

    Raises:
        UserError: It is such a file, or none of Keras at all.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            odd = next((name for name in names if not _FILES.fullmatch(name) or ".." in name.split("/")), None)
            if odd is not None:
                raise _refused(f"the file {odd[:100]!r}")
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise _refused("compressed files")
            _check_parts(json.loads(archive.read("config.json")))
            weights = archive.read(_WEIGHTS)
    except (zipfile.BadZipFile, ValueError, KeyError, RecursionError, EOFError, OSError, NotImplementedError) as error:
        raise UserError(f"this is not a model of Keras: {str(error)[:300]}", code="no-keras") from error
    _check_weights(weights)


def _check_parts(config: Any) -> None:
    for part in _parts(config):
        name, module = part.get("class_name"), part.get("module")
        if name is None and isinstance(part["value"], list):
            raise _refused("a lambda")  # its code, defaults and closure
        if name in _CODE:
            what = "a lambda" if "ambda" in str(name) else f"a {name}"
            raise _refused(f"{what}: {str(part.get('config'))[:60]}" if name == "function" else what)
        if module is not None and not _MODULES.fullmatch(str(module)) and not str(name).startswith("__"):
            raise _refused(f"{str(module)[:100]}.{str(name)[:100]}, which is not a part of Keras")
        registered = part.get("registered_name")
        if registered and (module is None or ">" in str(registered)):
            raise _refused(f"{str(registered)[:100]}, which is not a part of Keras")


def _check_weights(content: bytes) -> None:
    """Refuse weights that are in other files."""
    try:
        import h5py
    except ImportError:  # Keras needs it, and says so
        return
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            for link in _links(file, h5py):
                raise _refused(f"weights in the file {link[:100]!r}")
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise UserError(f"this is not a model of Keras: {str(error)[:300]}", code="no-keras") from error


def _links(group: Any, h5py: Any) -> Iterator[str]:
    for name in group:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            yield str(link.filename)
        elif isinstance(link, h5py.HardLink):
            item = group[name]
            if isinstance(item, h5py.Group):
                yield from _links(item, h5py)
            elif item.external or item.is_virtual:
                yield str(item.external or "of a virtual data set")
        else:
            yield f"a link {name}"


def _parts(data: Any) -> Iterator[dict[str, Any]]:
    if isinstance(data, dict):
        if "class_name" in data or data.keys() == {"value"}:
            yield data
        for item in data.values():
            yield from _parts(item)
    elif isinstance(data, list):
        for item in data:
            yield from _parts(item)


def _numbered(data: Any, known: dict[Any, int]) -> Any:
    """Number the objects that parts share in the order in which they are met."""
    if isinstance(data, dict):
        return {
            name: known.setdefault(item, len(known) + 1) if name == "shared_object_id" else _numbered(item, known)
            for name, item in data.items()
        }
    return [_numbered(item, known) for item in data] if isinstance(data, list) else data


def _refused(what: str) -> UserError:
    return UserError(
        f"the Keras model has {what}: the format only names code, it does not include any",
        code="unsafe-keras",
        hint="use layers and functions of Keras alone, keras.ops among them; or save what model.export writes: "
        "mlem.api.save(tf.saved_model.load(folder), ...)",
    )
