"""`Interface`: how a running deployment describes itself at ``GET /interface.json``.

It is enough to call the deployment without the model's packages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import Field

from mlem_model.data.types.any import Json
from mlem_model.errors import PlatformError
from mlem_model.models.method_choice import find_method
from mlem_model.models.model import Method, Model, Sample
from mlem_model.objects.object import Value


class Interface(Value):
    """The methods of a model, as callers see them.

    Attributes:
        version: The version of mlem that serves.
        digest: The digest of the model that serves.
        model_type: How the model is saved.
        name: The model's name, where it is known.
        methods: What can be called, by public name.
        samples: A recorded call of each method, for documentation and for the gate.
        formats: Media types besides JSON that the server reads and writes; see `mlem_model.data.formats.binary`.
    """

    version: str
    digest: str
    model_type: str
    name: str | None = None
    methods: dict[str, Method]
    samples: dict[str, Sample] = Field(default_factory=dict)
    formats: tuple[str, ...] = ()

    @classmethod
    def of(cls, model: Model, name: str | None = None, formats: Sequence[str] = ()) -> Self:
        """Describe a model.

        Args:
            model: The model's metadata.
            name: Its name, for people.
            formats: What the server reads and writes besides JSON.
        """
        from importlib.metadata import version  # late: it costs a few ms, and most commands serve nothing

        return cls(
            version=version("mlem-model"),
            digest=model.digest,
            model_type=model.model_type,
            name=name,
            methods=model.methods,
            samples=model.samples if model.public_sample else {},
            formats=tuple(formats),
        )

    @classmethod
    def parse(cls, data: Json, source: str = "interface.json") -> Self:
        """Read an interface that a server sent.

        Args:
            data: Parsed JSON.
            source: The address it is from, for messages.

        Raises:
            PlatformError: It is not an interface; the address belongs to another kind of server.
        """
        try:
            methods = {name: _method(name, item) for name, item in data["methods"].items()}
            samples = data.get("samples") or {}
            about = data["model"]
            return cls(
                version=data["version"],
                digest=about["digest"],
                model_type=about["model_type"],
                name=about.get("name"),
                methods=methods,
                samples={name: Sample(args=item["args"], returns=item["returns"]) for name, item in samples.items()},
                formats=tuple(map(str, data.get("formats") or ())),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:  # pydantic's ValidationError is a ValueError
            raise PlatformError(f"{source}: not the interface of an mlem server", code="not-a-mlem-server") from error

    def to_json(self) -> dict[str, Json]:
        """Return the document that `parse` reads: JSON Schemas beside the data types."""
        about = {"digest": self.digest, "model_type": self.model_type, **({"name": self.name} if self.name else {})}
        return {
            "version": self.version,
            "model": about,
            "methods": {name: _describe(name, method) for name, method in self.methods.items()},
            "samples": {name: sample.model_dump(mode="json") for name, sample in self.samples.items()},
            "formats": list(self.formats),
        }

    def method(self, name: str) -> Method:
        """Return the method of a public name.

        Raises:
            UserError: There is none.
        """
        return find_method(self.methods, name)

    def bind(self, method: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> dict[str, Json]:
        """Check and encode the arguments of a call.

        Args:
            method: Public name of the method.
            args: Positional arguments.
            kwargs: Arguments by name.

        Returns:
            The body of the request.

        Raises:
            UserError: The method is unknown, or the arguments are too many, too few or unknown.
            DataError: A value does not fit.
        """
        return self.method(method).bind(args, kwargs or {}, called=method)


def _describe(name: str, method: Method) -> dict[str, Json]:
    arguments = [
        {
            "name": argument.name,
            "data_type": argument.data_type.model_dump(mode="json"),
            "schema": argument.data_type.json_schema(),
            "required": argument.required,
            "default": argument.default,
            "kind": argument.kind,
            **({"missing": list(argument.missing)} if argument.missing else {}),
        }
        for argument in method.args
    ]
    returns: dict[str, Json] = {
        "data_type": method.returns.model_dump(mode="json"),
        "schema": method.returns.json_schema(),
    }
    if method.missing:
        returns["missing"] = list(method.missing)
    if method.classes:
        returns["classes"] = list(method.classes)
    later: dict[str, Json] = {name: True for name in ("streams", "keeps_index", "effects") if getattr(method, name)}
    return {
        "name": name,
        "attribute": method.name,
        "args": arguments,
        "returns": returns,
        "rowwise": method.rowwise,
        **later,
    }


def _method(name: str, data: Any) -> Method:
    arguments = [
        {
            "name": item["name"],
            "data_type": item["data_type"],
            "required": item.get("required", True),
            "default": item.get("default"),
            "kind": item.get("kind", "positional_or_keyword"),
            "missing": item.get("missing", ()),
        }
        for item in data["args"]
    ]
    fields = {"name": data.get("attribute", name), "args": arguments, "returns": data["returns"]["data_type"]}
    return Method.model_validate(
        {
            **fields,
            "rowwise": data.get("rowwise", False),
            "streams": data.get("streams", False),
            "keeps_index": data.get("keeps_index", False),
            "effects": data.get("effects", False),
            "missing": data["returns"].get("missing", ()),
            "classes": data["returns"].get("classes", ()),
        }
    )
