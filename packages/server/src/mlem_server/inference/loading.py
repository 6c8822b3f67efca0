"""Loading: artifacts are verified, the model is loaded once, and has to answer its sample rows as it did when saved."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlem_model.artifacts.packages.installed import other_versions
from mlem_model.artifacts.trust import ASIDES, Trust
from mlem_model.data.types.any import Json
from mlem_model.errors import GateError, MlemError
from mlem_model.models.loading import load_model
from mlem_model.models.model import Model, Sample
from mlem_model.models.model_type import ModelType
from mlem_model.models.samples import all_samples, wrong_answers
from mlem_model.objects.yaml_file import read_mapping
from mlem_model.plugins.registry import registry
from mlem_server.inference.endpoint import Endpoint
from mlem_server.inference.errors import ModelFailedError

log = logging.getLogger("mlem.server")
_WARM_CALLS = 3
_WARM_S = 1.0
"""So many times the sample rows are asked again, as long as all of it takes no longer."""


def read_model(path: Path) -> Model:
    """Read a model's metadata.

    Raises:
        MlemError: The file is not there, or does not belong to a model.
    """
    return Model.from_data(read_mapping(path), str(path))


def load(model: Model, folder: Path, trust: Trust) -> Any:
    """Verify, load and try a model.

    Args:
        model: The metadata.
        folder: Where its artifacts are.
        trust: Which formats may be loaded.

    Returns:
        The loaded object.

    Raises:
        ConflictError: An artifact is not the one that was saved.
        GateError: The answer to a sample row is not what it was when the model was saved.
        MlemError: It can't be loaded.
    """
    return try_out(load_untried(model, folder, trust))


@dataclass(frozen=True)
class Untried:
    """A model that was loaded, and not asked anything yet.

    Attributes:
        model: The metadata.
        obj: The loaded object.
        samples: Its sample rows, by method.
    """

    model: Model
    obj: Any
    samples: Mapping[str, Sample]


def load_untried(model: Model, folder: Path, trust: Trust) -> Untried:
    """Verify and load a model; see `load`."""
    warn_of_versions(model)
    obj = load_model(model, folder, _model_types(model), trust=trust, served=True)
    return Untried(model, obj, all_samples(model, folder))


def try_out(loaded: Untried) -> Any:
    """Try a model, and return its object; see `load`."""
    model, obj, samples = loaded.model, loaded.obj, loaded.samples
    began = time.perf_counter()
    check_samples(model, obj, samples)
    if not _is_pickle(model) and samples:
        _warm_up(model, obj, samples, time.perf_counter() - began)
    return obj


def _warm_up(model: Model, obj: Any, samples: Mapping[str, Sample], first_s: float) -> None:
    """Ask a framework's model again: its first calls compile, choose and allocate, and no caller should wait for that.

    What is saved as a pickle may be any function, and is asked once: a call may have effects.
    """
    took_s, left_s = first_s, _WARM_S
    for _ in range(_WARM_CALLS):
        if took_s > left_s:
            break
        began = time.perf_counter()
        check_samples(model, obj, samples)
        took_s = time.perf_counter() - began
        left_s -= took_s
    else:
        log.info("warm: the sample rows take %.1f ms, and took %.1f ms at first", took_s * 1e3, first_s * 1e3)


def check_samples(model: Model, obj: Any, samples: Mapping[str, Sample] | None = None) -> None:
    """Compare the model's answers to its sample rows with the recorded ones.

    Args:
        model: The metadata.
        obj: The loaded object.
        samples: The rows by method; those in the metadata when None.

    Raises:
        GateError: An answer differs from the saved one, or the model raises.
    """

    def ask(name: str, sample: Sample) -> Json:
        try:
            endpoint = Endpoint(name, model.methods[name])
            answer: Json = json.loads(endpoint.answer_whole(obj, endpoint.call_with(dict(sample.args))).body)
        except ModelFailedError as error:
            cause = error.__cause__
            raise GateError(
                f"{name}: the model raises {type(cause).__name__} on the sample row "
                f"that it answered when it was saved: {cause}",
                hint="install the versions of the packages that the model was saved with",
            ) from cause
        except MlemError as error:
            raise GateError(
                f"{name}: the sample row can't be used: {error.message}", hint="save the model again"
            ) from error
        return answer

    for wrong in wrong_answers(model.samples if samples is None else samples, ask):
        raise GateError(
            f"{wrong.method}: the sample row gives {wrong.got}, but gave {wrong.expected} when the model was saved",
            hint="install the versions of the packages that the model was saved with",
        )


def warn_of_versions(model: Model) -> None:
    """Log the packages that are installed in another version than the model was saved with."""
    for requirement, installed in other_versions(model.requirements):
        if installed is not None:  # loading says what is missing, if it matters
            saved = (requirement.package_name, requirement.version)
            log.warning("the model was saved with %s %s, and %s is installed", *saved, installed)


def _model_types(model: Model) -> Sequence[type[ModelType]]:
    """Look for the plugin of a model only when it has its own format: a pickle needs none, and starts sooner."""
    return () if _is_pickle(model) else [registry().get("model_type", model.model_type)]


def _is_pickle(model: Model) -> bool:
    return all(artifact.format == "pickle" for name, artifact in model.artifacts.items() if name not in ASIDES)
