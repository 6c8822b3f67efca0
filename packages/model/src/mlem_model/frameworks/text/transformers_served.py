"""What is called in the place of a pipeline or a model of transformers: texts or arrays in, plain answers out."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

from mlem_model.frameworks.neural.modules import ServedModule, evaluating


class ServedPipeline:
    """A pipeline that is called with texts, and answers with plain data.

    Args:
        pipeline: The pipeline.
    """

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

    def predict(self, texts: Any) -> list[Any]:
        """Return what the pipeline answers for each text: each is run on its own, without the padding of others.

        Args:
            texts: A list, or an array or a series, of texts; or a single one.
        """
        given = [texts] if isinstance(texts, str) else list(texts)
        with warnings.catch_warnings(), evaluating(self._pipeline.model):
            warnings.simplefilter("ignore")  # of the framework about its own
            return [plain(answer) for answer in self._pipeline(text for text in given)]


class ServedPretrained:
    """A model that is called with its main input, and answers with its logits, or with its last hidden state.

    Where the configuration has a token that pads, what it pads is masked.

    Args:
        model: The model.
    """

    def __init__(self, model: Any) -> None:
        self._called = ServedModule(model)
        self._pad = getattr(model.config, "pad_token_id", None)
        self._name = str(model.main_input_name)
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        self.__signature__ = inspect.Signature([inspect.Parameter(self._name, kind)])

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Return what the model answers for its main input, an array of floats.

        Args:
            inputs: The input: token ids, or pixels.
            named: The same, by its name.
        """
        given = self._called.tensors(inputs[0] if inputs else named[self._name])
        more = {}
        if self._name == "input_ids" and self._pad is not None:
            more["attention_mask"] = (given != self._pad).long()
        answer = self._called(**{self._name: given}, **more)
        found = next((answer[name] for name in ("logits", "last_hidden_state") if name in answer), None)
        return (next(iter(answer.values())) if found is None else found).float().numpy()


def plain(answer: Any) -> Any:
    """Return an answer as numbers, texts, lists and dicts."""
    if isinstance(answer, Mapping):
        return {str(name): plain(item) for name, item in answer.items()}
    if isinstance(answer, list | tuple):
        return [plain(item) for item in answer]
    return answer.tolist() if hasattr(answer, "tolist") else answer
