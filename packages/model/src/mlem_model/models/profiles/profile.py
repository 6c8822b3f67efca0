"""`Profile`: what the columns of a model's sample data looked like; a file of JSON beside the model has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from mlem_model.artifacts.artifact import Artifact
from mlem_model.artifacts.transfer import Opener, open_artifact, verified, write_artifact
from mlem_model.artifacts.trust import PROFILE
from mlem_model.data.types.base import DataType
from mlem_model.errors import DeclarationError
from mlem_model.models.model import Method, Model
from mlem_model.models.profiles.column_profile import ColumnProfile
from mlem_model.models.profiles.columns import MOST_COLUMNS, columns_of_call
from mlem_model.objects.object import Value

ROWS = 20_000
"""At most so many rows of the sample data are looked at, spread evenly."""
_LARGEST_BYTES = 4 * 2**20
_PARTS = 100
Columns = dict[str, ColumnProfile]


class Inputs(Value):
    """What one method takes, or several whose samples are the same.

    Attributes:
        methods: Their public names; the first one stands for all.
        columns: The columns, by name.
    """

    methods: tuple[str, ...] = Field(min_length=1)
    columns: Columns = Field(max_length=MOST_COLUMNS)


class Profile(Value):
    """What the methods of a model were tried with.

    Attributes:
        inputs: The columns, for each method.
    """

    inputs: tuple[Inputs, ...]

    @classmethod
    def of(cls, methods: Mapping[str, Method], values: Mapping[str, Mapping[str, Any]]) -> Profile:
        """Describe the sample data of methods.

        Args:
            methods: The methods, by public name.
            values: Of each method, the sample's values by the names of its arguments.
        """
        found: list[Inputs] = []
        for name, method in methods.items():
            columns = _columns(method, values.get(name, {}))
            same = next((number for number, inputs in enumerate(found) if inputs.columns == columns), None)
            if same is not None:
                found[same] = Inputs(methods=(*found[same].methods, name), columns=columns)
            elif columns:
                found.append(Inputs(methods=(name,), columns=columns))
        return cls(inputs=tuple(found))

    def of_method(self, name: str) -> Inputs | None:
        """Return what a method takes; None for one that was not tried."""
        return next((inputs for inputs in self.inputs if name in inputs.methods), None)

    def write(self, path: Path) -> Artifact:
        """Write it to a file."""
        content = self.model_dump_json().encode(errors="surrogatepass") + b"\n"
        return write_artifact(path, lambda file: file.write(content), "json")[0]

    @classmethod
    def read(cls, model: Model, folder: Path | str, opener: Opener = open_artifact) -> Profile | None:
        """Read the profile of a model; None where it was saved without one.

        Args:
            model: The metadata.
            folder: The folder, or the fsspec URL, that has its file.
            opener: Opens an address.

        Raises:
            ConflictError: The file is not what was saved.
            NotFoundError: It is not there.
            DeclarationError: It has something else.
        """
        artifact = model.artifacts.get(PROFILE)
        if artifact is None:
            return None
        if artifact.size_bytes > _LARGEST_BYTES:
            raise _no_profile(artifact)
        with verified(artifact, folder, opener) as file:
            content = file.read(_LARGEST_BYTES)
        try:
            return cls.model_validate(json.loads(content))
        except (ValueError, RecursionError) as error:  # pydantic's ValidationError is a ValueError
            raise _no_profile(artifact) from error


def _no_profile(artifact: Artifact) -> DeclarationError:
    return DeclarationError(f"{artifact.uri}: not the profile of a model's sample data", hint="save the model again")


def _columns(method: Method, values: Mapping[str, Any]) -> Columns:
    taken = {
        argument.name: _spread(argument.data_type, values[argument.name])
        for argument in method.args
        if argument.name in values
    }
    return {name: ColumnProfile.of(column) for name, column in columns_of_call(method, taken).items()}


def _spread(data_type: DataType, value: Any) -> Any:
    """Return rows of a value: all of a short one, of a longer one parts that are spread evenly."""
    count = data_type.rows(value)
    if count is None or count <= ROWS:
        return value
    length = ROWS // _PARTS
    starts = [number * (count - length) // (_PARTS - 1) for number in range(_PARTS)]
    return data_type.join([data_type.part(value, start, start + length) for start in starts])
