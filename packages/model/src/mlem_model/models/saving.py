"""Saving an object as a model, and loading, verifying and copying what was saved."""

from __future__ import annotations

import logging
import platform
import warnings
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from mlem_model.artifacts import transfer as artifacts
from mlem_model.artifacts.artifact import Artifact
from mlem_model.artifacts.destinations.destination import destination
from mlem_model.artifacts.destinations.rules import Destination, aside_names
from mlem_model.artifacts.folder import write_files
from mlem_model.artifacts.packages.hashes import hashed
from mlem_model.artifacts.packages.requirements import complaints, resolve
from mlem_model.artifacts.packages.system_packages import system_packages
from mlem_model.artifacts.python import PYTHON
from mlem_model.artifacts.transfer import Opener, open_artifact
from mlem_model.artifacts.trust import SAMPLES, Trust
from mlem_model.data.dataset import Dataset, load_data, parse_data, save_data, serialize_data
from mlem_model.data.formats.binary import is_table
from mlem_model.data.types.any import DataType, Json, difference, infer
from mlem_model.data.types.containers.classes import class_types
from mlem_model.errors import DataError, UserError
from mlem_model.models.calls.arguments import Signature
from mlem_model.models.errors import UnfitError
from mlem_model.models.loading import DATA, load_object
from mlem_model.models.matching import kinds_of
from mlem_model.models.model import Method, Model, Sample
from mlem_model.models.model_type import ModelType
from mlem_model.models.pickling import pickles
from mlem_model.models.profiles.recording import with_profile
from mlem_model.models.samples import all_samples, divide, wrong_answers
from mlem_model.models.signatures import Described, describe
from mlem_model.objects.files import write_atomic
from mlem_model.objects.object import EXTENSION
from mlem_model.objects.validation import did_you_mean
from mlem_model.objects.yaml_file import dump
from mlem_model.plugins.kinds import is_own_package

__all__ = ["DATA", "Dataset", "copy_model", "load_data", "save", "save_data", "verify"]

_log = logging.getLogger(__name__)

CSV_ROWS = 100
"""At most this many rows of the sample are tried as CSV."""


def save(
    obj: Any,
    path: Path | str,
    *,
    sample_data: Any = None,
    params: Mapping[str, Any] | None = None,
    format: str | None = None,
    methods: Sequence[str] | None = None,
    signature: Signature | None = None,
    batch: bool | None = None,
    effects: bool = False,
    public_sample: bool = True,
    profile: bool = False,
    require_hashes: bool = False,
    overwrite: bool = False,
    preferred: Sequence[str] = (),
    model_types: Sequence[type[ModelType]],
) -> Model | Dataset:
    """Save an object: its artifact at ``<path>``, then what is known of it at ``<path>.mlem``; both, or neither.

    Args:
        obj: A model, or data.
        path: Where to, with or without the extension ``.mlem``: a path, or a URL that fsspec knows.
        sample_data: What a method of the model takes: several rows tell the types, the first is recorded with its
            answer. Of a callable with several required arguments, a dict by name or a tuple by position.
        params: What to record beside it.
        format: The format of the artifact, of those that the kinds have; that of the first kind that matches when None.
        methods: The methods that can be called, by name; those that the kind lists when None.
        signature: What the user says about the types of arguments and answers; see
            `mlem_model.models.calls.arguments.types_of`.
        batch: Whether calls of several callers may be joined; None to find out.
        effects: Whether a call does more than to answer.
        public_sample: Whether a deployment shows the sample row to its callers.
        profile: Whether it is recorded what the columns of the sample looked like, for servers to compare calls with.
        require_hashes: Whether the hashes of the packages' files are recorded, so that no other file is ever installed.
        overwrite: Whether files that are there may be replaced, whatever they are. Those of an object of the same kind
            always are.
        preferred: Formats that are taken before others where they can hold the object; why one can't is logged.
        model_types: The kinds of objects that can be saved, the first that matches is chosen.

    Returns:
        The metadata; of a data set where the object is data and not a model.

    Raises:
        UserError: No kind matches, the object can't be pickled, or its first method fails on the sample.
        DataError: No data type describes what a method takes or answers.
        ConflictError: Something else is there.
        MlemError: It can't be written.
    """
    target = destination(path)
    _expect_formats(preferred, model_types)
    places = {format: place for place, format in enumerate(preferred)}
    kinds = sorted(kinds_of(obj, model_types), key=lambda kind: places.get(kind.format, len(places)))
    fitting = [kind for kind in kinds if format in (None, kind.format)]
    if kinds and not fitting:
        known = sorted({kind.format for kind in kinds})
        raise UserError(f"a {type(obj).__qualname__} can't be saved as {format}", code="unknown-format", known=known)
    if not fitting:
        return _save_data(obj, target, model_types, overwrite=overwrite)
    target.expect_ours(Model.object_type, overwrite=overwrite)
    if profile and sample_data is None:
        raise UserError("profile=True: there is no sample data to profile", code="no-columns", hint="give sample_data=")
    if sample_data is None:
        warnings.warn(
            f"{target.name} is saved without sample_data, so its methods have no checked signature, "
            "and deployments have no sample row to compare answers with",
            stacklevel=3,
        )

    def save_as(kind: type[ModelType]) -> Model:
        prepared = kind.prepared(obj, sample_data)
        called = kind.served(obj)
        described, samples = describe(called, _how(called, kind, methods, signature or {}, batch), sample_data)
        if not described:
            raise UserError(
                f"a {type(obj).__qualname__} has no method that {kind.type} models can serve", code="no-methods"
            )
        if effects:
            described = {name: method.model_copy(update={"effects": True}) for name, method in described.items()}
        with target.staging() as folder:
            model = _write(prepared, kind, folder / target.file_name, described, samples, params)
            model = model.model_copy(update={"public_sample": public_sample})
            if require_hashes:
                model = model.model_copy(update={"requirements": hashed(model.requirements)})
            if profile:
                model = with_profile(
                    model, lambda name: kind.sample_of(called, name, sample_data), folder / target.file_name
                )
            return target.take(folder, model)

    model = _with_first(fitting, save_as, type(obj).__qualname__)
    _tell_of_csv(model.methods, sample_data)
    return model


def _expect_formats(formats: Sequence[str], model_types: Sequence[type[ModelType]]) -> None:
    known = sorted({kind.format for kind in model_types})
    unknown = next((format for format in formats if format not in known), None)
    if unknown is not None:
        hint = did_you_mean(unknown, known)
        raise UserError(f"no model is saved as {unknown}", code="unknown-format", known=known, hint=hint)


def _with_first(kinds: Sequence[type[ModelType]], save_as: Callable[[type[ModelType]], Model], what: str) -> Model:
    """Save as the first kind whose format can hold an object.

    Raises:
        UserError: None can.
    """
    for kind in kinds[:-1]:
        try:
            return save_as(kind)
        except UnfitError as error:
            _log.warning("a %s is not saved as %s: %s", what, kind.format, error)
    return save_as(kinds[-1])


def _write(
    obj: Any,
    kind: type[ModelType],
    path: Path,
    methods: dict[str, Method],
    samples: dict[str, Sample],
    params: Mapping[str, Any] | None,
) -> Model:
    with pickles.with_classes(_classes_of(methods, kind)):
        written, modules = _write_object(obj, kind, path)
    if kind.format == "pickle" and pickles.has_code(path):
        written = {DATA: written[DATA].model_copy(update={"code": PYTHON})}
    if kind.format != "pickle":
        modules |= {kind.__module__}  # pickle loads without it
    types = [
        data_type
        for method in methods.values()
        for data_type in (method.returns, *(argument.data_type for argument in method.args))
    ]
    needed = set().union(*(data_type.requirements() for data_type in types), *map(_homes, types))
    _tell_of_requirements(modules | needed)
    small, beside = divide(samples, path.with_name(aside_names(path.name)[SAMPLES]))
    requirements = resolve(modules | needed)
    model = Model(
        model_type=kind.type,
        artifacts={**written, **beside},
        methods=methods,
        samples=small,
        requirements=requirements,
        system_packages=system_packages(requirements, kind.system_packages),
        python=platform.python_version(),
        params=dict(params or {}),
    )
    if kind.converts:
        _expect_same_answers(model, path.parent, kind)
    return model


def _homes(data_type: DataType) -> frozenset[str]:
    """Return the modules of the data types of plugins that a type is, or is made of: servers need them."""
    own = frozenset() if is_own_package(type(data_type).__module__) else frozenset({type(data_type).__module__})
    return own.union(*map(_homes, data_type.parts()))


def _write_object(obj: Any, kind: type[ModelType], path: Path) -> tuple[dict[str, Artifact], frozenset[str]]:
    if kind.files:
        return write_files(path, lambda folder: kind.dump_files(obj, folder), kind.format, DATA)
    artifact, modules = artifacts.write_artifact(path, lambda file: kind.dump(obj, file), kind.format)
    return {DATA: artifact}, modules


def _tell_of_csv(methods: Mapping[str, Method], sample_data: Any) -> None:
    """Warn where CSV changes the sample: it can express less than JSON and Arrow."""
    first = next(iter(methods.values()))
    if len(first.args) != 1 or not is_table(first.args[0].data_type):
        return
    data_type = first.args[0].data_type
    try:
        count = data_type.rows(sample_data)
        value = data_type.accept(sample_data if count is None else data_type.part(sample_data, 0, min(count, CSV_ROWS)))
        back = parse_data(serialize_data(value, data_type, "csv"), "csv", "the sample", data_type)
    except (UserError, DataError, ImportError, TypeError):
        return  # CSV can't hold it, and will say so
    found = difference(value, back, first.args[0].name)
    if found:
        _log.warning("sent as CSV, %s: send such values as JSON or Arrow", found)


def _classes_of(methods: Mapping[str, Method], kind: type[ModelType]) -> dict[str, type]:
    """Return the user's classes that the arguments of methods are made of.

    Raises:
        UnfitError: The format can't take them along.
    """
    taken = class_types(argument.data_type for method in methods.values() for argument in method.args)
    found = {data_type.name: cls for data_type in taken if (cls := data_type.find()) is not None}
    if found and kind.format != "pickle":
        message = f"a model saved as {kind.format} can't include the class {next(iter(found))}"
        raise UnfitError(message, code="no-classes", hint="let the method take a dict instead, or save it as a pickle")
    return found


def _how(
    obj: Any, kind: type[ModelType], names: Sequence[str] | None, signature: Signature, batch: bool | None
) -> Described:
    """Say how an object is to be described."""
    attributes = kind.methods(obj) if names is None else {name: name for name in names}
    missing = next(
        (
            name
            for name in attributes
            if not callable(obj if attributes[name] == "__call__" else getattr(obj, attributes[name], None))
        ),
        None,
    )
    if missing is not None and names is not None:
        known = [name for name in dir(obj) if not name.startswith("_") and callable(getattr(obj, name, None))]
        message = f'a {type(obj).__qualname__} has no method "{missing}"'
        raise UserError(message, code="no-methods", known=known, hint=did_you_mean(missing, known))
    required = frozenset(attributes) if names is not None else frozenset(list(attributes)[:1])
    return Described(
        attributes,
        required,
        first_only=kind.first_only,
        signature=signature,
        batch=batch,
        rowwise=lambda name: kind.rowwise(obj, name),
        sample_of=lambda name, sample: kind.sample_of(obj, name, sample),
    )


def _tell_of_requirements(modules: Set[str]) -> None:
    for complaint in complaints(modules):
        warnings.warn(f"{complaint}; publish a wheel of it in a package index", stacklevel=5)
    for requirement in resolve(modules):
        if requirement.url is None and requirement.version != requirement.public_version:
            _log.warning(
                "%s is installed as %s: servers get %s", requirement.package_name, requirement.version, requirement.pip
            )


def _expect_same_answers(model: Model, folder: Path, kind: type[ModelType]) -> None:
    """Load the converted object, and compare its answers to the sample rows with the recorded ones.

    A conversion may round, and may not support everything.
    """
    loaded = kind.served(load_object(model, folder, kind, Trust(), open_artifact))

    def ask(name: str, sample: Sample) -> Json:
        method = model.methods[name]
        return method.returns.encode(method.call(loaded, method.decode_args(dict(sample.args))))

    for wrong in wrong_answers(all_samples(model, folder), ask):
        raise UnfitError(
            f"saved as {kind.format}, {wrong.method} gives another answer to the sample row than the object itself",
            code="lossy-format",
            hint='save it as a pickle, which includes code: format="pickle"',
        )


def _save_data(obj: Any, target: Destination, model_types: Sequence[type[ModelType]], *, overwrite: bool) -> Dataset:
    try:
        infer(obj)
    except DataError as error:
        if (
            type(obj).__module__.partition(".")[0] in ("pandas", "numpy", "polars", "scipy", "PIL", "builtins")
            and type(obj) is not object
        ):
            raise  # it is data, and the error says which part of it can't be saved
        known = [kind.type for kind in model_types]
        raise UserError(
            f"a {type(obj).__module__}.{type(obj).__qualname__} is neither a model nor data",
            code="unknown-object",
            known=known,
        ) from error
    target.expect_ours(Dataset.object_type, overwrite=overwrite)
    with target.staging() as folder:
        return target.take(folder, save_data(obj, folder / target.file_name))


def write_metadata(model: Model, target: Path) -> None:
    """Write ``<target>.mlem``."""
    write_atomic(target.with_name(target.name + EXTENSION), dump(model.to_data()))


def verify(model: Model | Dataset, folder: Path | str, *, opener: Opener = open_artifact) -> None:
    """Compare every artifact with its record, without loading anything.

    Args:
        model: The metadata.
        folder: The folder, or the fsspec URL, that has its file.
        opener: Opens an address.

    Raises:
        ConflictError: An artifact is not what was saved.
        NotFoundError: An artifact is not there.
    """
    for artifact in model.artifacts.values():
        file, address = artifacts.open_content(artifact, folder, opener)
        with file:
            artifacts.check(artifact, address, file)


def copy_model(model: Model, target_folder: Path, name: str = "model", *, opener: Opener = open_artifact) -> Model:
    """Copy a model without loading it: its artifacts, verified on the way, then its metadata.

    Args:
        model: The metadata, as it was read from its file.
        target_folder: The folder to copy into; it is made when absent.
        name: The copy's name.
        opener: Opens an address.

    Returns:
        The copy's metadata; its digest is the same.

    Raises:
        ConflictError: An artifact is not what was saved.
        NotFoundError: An artifact is not there.
    """
    folder, target_folder = model.folder, Path(target_folder)
    names = {
        key: name if len(model.artifacts) == 1 else f"{name}.{_file_key(key, number)}"
        for number, key in enumerate(model.artifacts)
    }
    copied = {
        key: artifacts.copy(artifact, folder, target_folder / names[key], opener)
        for key, artifact in model.artifacts.items()
    }
    copy = model.model_copy(update={"artifacts": copied})
    write_metadata(copy, target_folder / name)
    return copy.at(str(target_folder / f"{name}{EXTENSION}"))


def _file_key(key: str, number: int) -> str:
    """Return what tells a file from others in a folder without folders: two paths may be the same without slashes."""
    return f"{number}.{key.rpartition('/')[2]}" if "/" in key else key
