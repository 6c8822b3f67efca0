"""The sample rows of a model: small ones are in its metadata, large ones in a file beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlem_model.artifacts.artifact import Artifact
from mlem_model.artifacts.transfer import Opener, open_artifact, verified, write_artifact
from mlem_model.artifacts.trust import SAMPLES
from mlem_model.data.types.any import Json, equal
from mlem_model.errors import DeclarationError
from mlem_model.models.model import Model, Sample

LONGEST_SHOWN = 200
"""So many characters of an answer are shown in a message."""

LARGEST_BYTES = 16_384
"""A sample row with its answer that is larger, as JSON, gets a file: a batch of images would make megabytes of
metadata."""


def divide(samples: Mapping[str, Sample], path: Path) -> tuple[dict[str, Sample], dict[str, Artifact]]:
    """Write the large samples to a file.

    Args:
        samples: The samples by method.
        path: The file.

    Returns:
        The small samples, and the artifact with the others; none where all are small.
    """
    texts = {name: json.dumps(sample.model_dump(mode="json"), ensure_ascii=False) for name, sample in samples.items()}
    large = [name for name, text in texts.items() if len(text) > LARGEST_BYTES]
    if not large:
        return dict(samples), {}
    content = ("{" + ",\n".join(f"{json.dumps(name)}: {texts[name]}" for name in large) + "}\n").encode(
        errors="surrogatepass"
    )
    artifact, _ = write_artifact(path, lambda file: file.write(content), "json")
    return {name: sample for name, sample in samples.items() if name not in large}, {SAMPLES: artifact}


@dataclass(frozen=True)
class WrongAnswer:
    """A method that answers its sample row otherwise than the model did when it was saved.

    Attributes:
        method: The method.
        got: What it answers now, as JSON, shortened.
        expected: What the saved model answered, as JSON, shortened.
    """

    method: str
    got: str
    expected: str


def wrong_answers(samples: Mapping[str, Sample], ask: Callable[[str, Sample], Json]) -> Iterator[WrongAnswer]:
    """Yield the methods that do not answer their sample rows as the model did when it was saved.

    Args:
        samples: The rows, by method.
        ask: Calls a method with its row, and returns the answer as JSON data.
    """
    for method, sample in samples.items():
        got = ask(method, sample)
        if not equal(got, sample.returns):
            yield WrongAnswer(method, _shown(got), _shown(sample.returns))


def _shown(answer: Json) -> str:
    text = json.dumps(answer)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def all_samples(model: Model, folder: Path | str, opener: Opener = open_artifact) -> Mapping[str, Sample]:
    """Return every sample of a model, those in the file beside it too.

    Args:
        model: The metadata.
        folder: The folder, or the fsspec URL, that has its file.
        opener: Opens an address.

    Raises:
        ConflictError: The file is not what was saved.
        NotFoundError: It is not there.
        DeclarationError: It has something else.
    """
    artifact = model.artifacts.get(SAMPLES)
    if artifact is None:
        return model.samples
    with verified(artifact, folder, opener) as file:
        content = file.read()
    try:
        found = {name: Sample.model_validate(item) for name, item in json.loads(content).items()}
    except (ValueError, AttributeError, RecursionError) as error:  # pydantic's ValidationError is a ValueError
        raise DeclarationError(
            f"{artifact.uri}: not the sample rows of a model", hint="save the model again"
        ) from error
    return {**model.samples, **found}
