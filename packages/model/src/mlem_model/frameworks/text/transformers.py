"""Pipelines and models of transformers: a folder of safetensors, configuration and tokenizer, with the task beside it.

Loading runs no code of the files and asks no server: see `transformers_files`.

Source: https://huggingface.co/docs/transformers/main/en/main_classes/pipelines (read 2026-11).
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.errors import UserError
from mlem_model.frameworks.neural.device import placed
from mlem_model.frameworks.neural.modules import has_base, unfit
from mlem_model.frameworks.text.folder_of_texts import FolderOfTexts
from mlem_model.frameworks.text.folders import read_json
from mlem_model.frameworks.text.transformers_files import CONFIG, laid_out, make_stable
from mlem_model.frameworks.text.transformers_loading import (
    NO,
    PARAMETERS,
    TASKS,
    model_of,
    modules_of,
    odd_parameter,
    pipeline_of,
    quietly,
    task_of,
)
from mlem_model.frameworks.text.transformers_served import ServedPipeline, ServedPretrained
from mlem_model.models.method_choice import PREDICT

PIPELINE = "pipeline.json"


class TransformersPipeline(FolderOfTexts):
    """A pipeline that takes texts: its model, its tokenizer, its task and its parameters."""

    type: ClassVar[str] = "transformers"
    served_as: ClassVar[Callable[[Any], Any]] = ServedPipeline

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`."""
        return has_base(obj, "transformers.pipelines.base", "Pipeline")

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """See `ModelType.recognises`; whether it has a tokenizer, and a model that was made for a task."""
        if not _is_folder(path) or (path / PIPELINE).is_file():
            return _is_folder(path)
        tokenizer = any((path / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"))
        return tokenizer and task_of(path) is not None

    @classmethod
    def prepared(cls, obj: Any, sample_data: Any) -> Any:
        """See `ModelType.prepared`.

        Raises:
            UnfitError: It is a class of the user's, or has one.
            UserError: Its task takes other things than texts.
        """
        _expect_own(obj)
        _expect_own(obj.model)
        if obj.task not in TASKS:
            raise UserError(
                f"a pipeline for {obj.task} can't be saved",
                code="not-saved",
                known=sorted(TASKS),
                hint="save its model: mlem.api.save(pipeline.model, ...), or a function that calls the pipeline",
            )
        return obj

    @classmethod
    def dump_files(cls, obj: Any, folder: Path) -> frozenset[str]:
        """See `ModelType.dump_files`."""
        with quietly():
            obj.save_pretrained(folder)
        about = {"task": obj.task, "parameters": _parameters(obj)}
        (folder / PIPELINE).write_text(json.dumps(about, indent=2, sort_keys=True))
        make_stable(folder)
        return modules_of(folder)

    @classmethod
    def load_files(cls, folder: Path, requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load_files`.

        Raises:
            UserError: It is no pipeline, or has something that would be run.
        """
        about = read_json(folder / PIPELINE, NO)
        if not isinstance(about, dict) or about.get("task") not in TASKS:
            raise UserError(f"{PIPELINE} names no task of those that are known", code=NO, known=sorted(TASKS))
        parameters = about.get("parameters", {})
        if not isinstance(parameters, dict):
            raise UserError(f"{PIPELINE} has no parameters by name", code=NO)
        return pipeline_of(folder, about["task"], parameters)

    @classmethod
    def read(cls, path: Path, trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.read`; the task is that for which the model's class was made.

        Raises:
            UserError: It is no such folder, or has something that would be run.
        """
        cls.expect_readable(path)
        if (path / PIPELINE).is_file():
            return cls.load_files(path, trusted=trusted)
        task = task_of(path)
        if task is None:
            raise UserError(f"{path.name} is for no task that takes texts", code=NO, known=sorted(TASKS))
        return pipeline_of(path, task, {})


class TransformersModel(FolderOfTexts):
    """A model without its tokenizer: it takes the arrays that a tokenizer or a processor makes."""

    type: ClassVar[str] = "transformers_model"
    calls: ClassVar[Mapping[str, str]] = {PREDICT: "__call__"}
    served_as: ClassVar[Callable[[Any], Any]] = ServedPretrained

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`."""
        return has_base(obj, "transformers.modeling_utils", "PreTrainedModel")

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """See `ModelType.recognises`."""
        return _is_folder(path)

    @classmethod
    def placed(cls, obj: Any) -> Any:
        """See `ModelType.placed`; a pipeline goes there itself."""
        return placed(obj)

    @classmethod
    def prepared(cls, obj: Any, sample_data: Any) -> Any:
        """See `ModelType.prepared`.

        Raises:
            UnfitError: It is a class of the user's.
        """
        _expect_own(obj)
        return obj

    @classmethod
    def dump_files(cls, obj: Any, folder: Path) -> frozenset[str]:
        """See `ModelType.dump_files`."""
        with quietly():
            obj.save_pretrained(folder)
        make_stable(folder)
        return modules_of(folder)

    @classmethod
    def load_files(cls, folder: Path, requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load_files`.

        Raises:
            UserError: It is no such model, or has something that would be run.
        """
        with laid_out(folder) as place:
            return model_of(place)


def _is_folder(path: Path) -> bool:
    try:
        head = (path / CONFIG).open("rb").read(2**20) if (path / CONFIG).is_file() else b""
    except OSError:
        return False
    return b'"model_type"' in head or b'"architectures"' in head


def _parameters(pipeline: Any) -> dict[str, Any]:
    """Return what a pipeline was made with beside its parts.

    Raises:
        UserError: It is not plain data, or not one of those that loading takes.
    """
    groups = ("_preprocess_params", "_forward_params", "_postprocess_params", "_generate_kwargs")
    found = {name: value for group in groups for name, value in getattr(pipeline, group, {}).items() if name[0] != "_"}
    found = {name: value.value if isinstance(value, enum.Enum) else value for name, value in found.items()}
    odd = odd_parameter(found)
    if odd is not None:
        raise UserError(
            f"the pipeline's parameter {odd} can't be saved",
            code="not-saved",
            known=sorted(PARAMETERS),
            hint="make the pipeline without it, or save a function that calls it",
        )
    return found


def _expect_own(obj: Any) -> None:
    """Say that a class of the user's, whose code no folder has, can't be saved like this."""
    if type(obj).__module__.partition(".")[0] != "transformers":
        raise unfit(obj, "is a class of its own, whose code is not in the files of transformers")
