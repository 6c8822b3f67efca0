"""`Model`: what is known of a saved object without loading it.

Its methods, signatures, sample, requirements and artifacts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr

from mlem_model.artifacts.artifact import Artifact
from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.artifacts.packages.system_packages import NAME
from mlem_model.artifacts.python import PYTHON, other_python
from mlem_model.data.types.any import AnyDataType, Json, wrong_key
from mlem_model.data.types.base import name_of
from mlem_model.errors import DataError, UserError
from mlem_model.models.calling import finished
from mlem_model.models.described import model_in_html
from mlem_model.models.method_choice import PREDICT, find_method
from mlem_model.models.request_bodies import NOTHING, shape_of_body, value_of_body
from mlem_model.objects.grown import Grown
from mlem_model.objects.object import MlemObject, Value, one_line
from mlem_model.objects.validation import did_you_mean

ALIAS = "data"
"""MLEM 0.4 renames the only argument of a method to this word in its requests."""


class Argument(Grown):
    """An argument of a method.

    Attributes:
        name: As in the method's Python signature.
        data_type: What it takes.
        required: Whether a call must give it.
        default: What the method uses when it is not given, encoded.
        kind: How a Python caller may give it.
        missing: Where the sample lacks numbers: see `mlem_model.models.calls.missing`.
    """

    _LATER: ClassVar[frozenset[str]] = frozenset({"missing"})

    name: str
    data_type: AnyDataType
    required: bool = True
    default: Json = None
    kind: Literal["positional_or_keyword", "positional_only", "keyword_only"] = "positional_or_keyword"
    missing: tuple[str, ...] = ()


class Method(Grown):
    """A method of a model.

    Attributes:
        name: The attribute of the object that is called; ``__call__`` for the object itself.
        args: Its arguments, in order.
        returns: What it answers.
        rowwise: Whether each row of the answer depends only on the same row of the only argument, as trial calls
            showed when the model was saved. Calls of several callers may then be joined into one.
        streams: Whether it answers item by item, as a generator does; ``returns`` describes all items together.
        keeps_index: Whether it only copies the index of a frame to its answer: the caller does that instead.
        effects: Whether a call does more than to answer: then a client never sends it twice.
        missing: Where its answer to the sample lacks numbers.
        classes: What the columns of its answer are, where they are a classifier's classes.
    """

    _LATER: ClassVar[frozenset[str]] = frozenset({"streams", "keeps_index", "effects", "missing", "classes"})

    name: str
    args: tuple[Argument, ...] = ()
    returns: AnyDataType
    rowwise: bool = False
    streams: bool = False
    keeps_index: bool = False
    effects: bool = False
    missing: tuple[str, ...] = ()
    classes: tuple[Json, ...] = ()

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any], *, called: str = PREDICT) -> dict[str, Json]:
        """Match the arguments of a call with the signature, and encode them; see `match`.

        Returns:
            The body of a request: encoded values by the names of the arguments.

        Raises:
            UserError: There are too many, too few, or unknown arguments.
            DataError: A value does not fit.
        """
        return self.encode_args(self.match(args, kwargs, called=called))

    def encode_args(self, values: Mapping[str, Any]) -> dict[str, Json]:
        """Encode the values of arguments.

        Args:
            values: What `match` returned.

        Raises:
            DataError: A value does not fit.
        """
        return {
            argument.name: argument.data_type.encode(values[argument.name], argument.name)
            for argument in self.args
            if argument.name in values
        }

    def match(self, args: Sequence[Any], kwargs: Mapping[str, Any], *, called: str = PREDICT) -> dict[str, Any]:
        """Match the arguments of a call with the signature.

        Args:
            args: Positional arguments.
            kwargs: Arguments by name; the only argument may also be called ``data``.
            called: The method's public name, for messages.

        Returns:
            Values by the names of the arguments.

        Raises:
            UserError: There are too many, too few, or unknown arguments.
        """
        by_position = [argument for argument in self.args if argument.kind != "keyword_only"]
        if len(args) > len(by_position):
            raise self._bad_arguments(f"{called} takes {_count(by_position)}, got {len(args)}", called)
        values = {argument.name: value for argument, value in zip(by_position, args, strict=False)}
        for name, value in self._without_alias(kwargs).items():
            if name in values:
                raise self._bad_arguments(f'{called} got several values for the argument "{name}"', called)
            if name not in self._names:
                raise self._bad_arguments(f'{called} has no argument "{name}"', called, did_you_mean(name, self._names))
            values[name] = value
        missing = [argument.name for argument in self.args if argument.required and argument.name not in values]
        if missing:
            raise self._bad_arguments(
                f"{called} needs the argument{'s' * (len(missing) > 1)} {', '.join(missing)}", called
            )
        return values

    def decode_args(self, payload: Json) -> dict[str, Any]:
        """Decode the body of a request.

        Args:
            payload: Parsed JSON, ``{argument: value}``; the only argument may be called ``data``. Where one argument is
                required, its value may come under the names that MLflow and TensorFlow Serving have for it: see
                `mlem_model.models.request_bodies`.

        Returns:
            Values by the names of the arguments; the ones that were not given are left to the method.

        Raises:
            DataError: It is not such an object, or a value does not fit; the path starts with the argument's name.
        """
        payload = self._arguments_in(payload)
        missing = [argument.name for argument in self.args if argument.required and argument.name not in payload]
        if missing or not payload.keys() <= set(self._names):
            error = wrong_key(
                "body", self._names if payload.keys() - set(self._names) else missing, list(payload), "argument"
            )
            hint = error.hint or shape_of_body(self._names, payload)
            raise DataError(error.path, error.expected, error.got, hint=hint)
        return {
            argument.name: argument.data_type.decode(payload[argument.name], argument.name)
            for argument in self.args
            if argument.name in payload
        }

    def call(self, obj: Any, values: Mapping[str, Any]) -> Any:
        """Call the method of a loaded object, and wait for its answer.

        Args:
            obj: The object.
            values: What `decode_args` returned.

        Returns:
            The answer, complete and not encoded; that of a stream is a list.
        """
        return finished(self.begin(obj, values))

    def begin(self, obj: Any, values: Mapping[str, Any]) -> Any:
        """Call the method of a loaded object; its answer may have to be awaited, or come item by item.

        See `mlem_model.models.calling`.

        Args:
            obj: The object.
            values: What `decode_args` returned.
        """
        function = obj if self.name == "__call__" else getattr(obj, self.name)
        first, named = self._places
        if not named and len(values) == len(first):
            return function(*[values[name] for name in first])
        return function(
            *[values[name] for name in first if name in values],
            **{name: values[name] for name in named if name in values},
        )

    @cached_property
    def _places(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names of arguments by position, where that is certain, and of the others; see `_is_by_position`."""
        first = tuple(argument.name for argument in self.args if _is_by_position(argument))
        return first, tuple(argument.name for argument in self.args if argument.name not in first)

    @property
    def _names(self) -> list[str]:
        return [argument.name for argument in self.args]

    def _arguments_in(self, payload: Json) -> dict[str, Any]:
        """Find the arguments in the body of a request."""
        required = [argument for argument in self.args if argument.required]
        only = required[0] if len(required) == 1 else self.args[0] if len(self.args) == 1 else None
        if isinstance(payload, dict) and (payload.keys() <= set(self._names) or payload.keys() == {ALIAS}):
            return self._without_alias(payload)
        if only is not None:
            value = value_of_body(payload, only.data_type)
            if value is not NOTHING:
                return {only.name: value}
        if not isinstance(payload, dict):
            hint = shape_of_body(self._names, payload)
            raise DataError(
                "body", f"an object with the arguments {', '.join(self._names)}", name_of(payload), hint=hint
            )
        return dict(payload)

    def _without_alias(self, values: Mapping[str, Any]) -> dict[str, Any]:
        if len(self.args) == 1 and values.keys() == {ALIAS}:
            return {self.args[0].name: values[ALIAS]}
        return dict(values)

    def _bad_arguments(self, message: str, called: str, hint: str | None = None) -> UserError:
        signature = f"{called}({', '.join(a.name if a.required else f'{a.name}={a.default!r}' for a in self.args)})"
        return UserError(message, code="bad-arguments", known=self._names, hint=hint or f"its signature is {signature}")


def _is_by_position(argument: Argument) -> bool:
    """Whether an argument is given by position: a wrapped function may name its arguments otherwise.

    Required ones are in front of all others, those without a place in a request too.
    """
    return argument.kind == "positional_only" or (argument.required and argument.kind == "positional_or_keyword")


def _count(arguments: Sequence[Argument]) -> str:
    return "no arguments" if not arguments else "1 argument" if len(arguments) == 1 else f"{len(arguments)} arguments"


class Sample(Value):
    """One call of a method, recorded when the model was saved.

    Attributes:
        args: Encoded values by the names of the arguments.
        returns: The encoded answer.
    """

    args: dict[str, Json]
    returns: Json


class _SavedAt:
    """Where metadata was written to or read from; not part of its content, so models are equal wherever they are."""

    def __init__(self, source: str | None = None) -> None:
        self.source = source

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _SavedAt)

    def __hash__(self) -> int:
        return 0


class Model(MlemObject):
    """The metadata of a saved model.

    Attributes:
        model_type: How the object is saved and loaded: ``sklearn``, ``callable``.
        artifacts: Its files.
        methods: What can be called, by public name.
        samples: A recorded call of each method that was tried when the model was saved.
        requirements: The packages that it needs.
        system_packages: The Debian packages that its requirements need and do not bring: ``libgomp1``.
        python: The version of Python that saved it.
        params: What the user recorded beside it.
        public_sample: Whether a deployment shows the sample rows to its callers.
    """

    object_type: ClassVar[str] = "model"

    model_type: str
    artifacts: dict[str, Artifact]
    methods: dict[str, Method]
    samples: dict[str, Sample] = Field(default_factory=dict)
    requirements: tuple[Requirement, ...] = ()
    system_packages: tuple[Annotated[str, Field(pattern=NAME, max_length=100)], ...] = ()
    python: str = Field(default="", pattern=r"^([0-9]+\.[0-9]+[0-9A-Za-z.+-]*)?$", max_length=50)
    params: dict[str, Any] = Field(default_factory=dict)
    public_sample: bool = True

    _saved_at: _SavedAt = PrivateAttr(default_factory=_SavedAt)

    def __repr__(self) -> str:
        return one_line(
            "Model",
            self.model_type,
            f"methods: {' '.join(self.methods)}",
            f"digest: {self.digest}",
            self.location or "",
        )

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return model_in_html(self)

    def at(self, source: str) -> Self:
        """Return the metadata, which knows from now on where it is: a program may name the model by it.

        Args:
            source: Path or URL of the ``.mlem`` file.
        """
        self._saved_at = _SavedAt(source)
        return self

    @property
    def location(self) -> str | None:
        """Path or URL of the ``.mlem`` file; None for metadata that was not read from one."""
        return self._saved_at.source

    @property
    def folder(self) -> str:
        """Path or URL of the folder that has the ``.mlem`` file: artifacts are relative to it.

        Raises:
            UserError: The metadata was not read from a file.
        """
        if self.location is None:
            raise UserError("the model's metadata was not read from a file, so its artifacts can't be found")
        return self.location.rpartition("/")[0] if "://" in self.location else str(Path(self.location).parent)

    def expect_python(self, python: str = PYTHON) -> None:
        """Refuse a Python that can't run the model's code.

        Args:
            python: The Python that is to load the model, ``3.11``; the one that runs this when not given.

        Raises:
            PluginError: The model has code that another Python compiled.
        """
        if self.code not in (None, python):
            raise other_python(str(self.code), python)

    @classmethod
    def from_data(cls, data: Mapping[str, Any], source: str, *, prefix: str = "") -> Self:
        """See `MlemObject.from_data`; metadata that MLEM 0.4 wrote is translated.

        Raises:
            DeclarationError: A field is unknown, missing, or has no counterpart in this version.
        """
        if "processors" in data:
            from mlem_model.legacy.model import translate  # late: most files are of this version

            data = translate(data, source, prefix)
        return super().from_data(data, source, prefix=prefix)

    @property
    def code(self) -> str | None:
        """The only Python that can run its compiled code: ``3.11``; None when it has none, or nobody looked."""
        return next((artifact.code for artifact in self.artifacts.values() if artifact.code), None)

    @property
    def digest(self) -> str:
        """The identity of the content: 32 hex digits that do not depend on file names, folders or the time."""
        content = self.model_dump(mode="json", exclude={"artifacts": {"__all__": {"uri"}}})
        later = {"public_sample": not self.public_sample, "system_packages": self.system_packages}
        content = {name: value for name, value in content.items() if later.get(name, True)}  # as before they came
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]

    def method(self, name: str) -> Method:
        """Return the method of a public name.

        Raises:
            UserError: There is no such method.
        """
        return find_method(self.methods, name)
