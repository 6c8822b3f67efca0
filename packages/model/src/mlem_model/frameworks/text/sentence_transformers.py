"""Models of sentence-transformers: a folder of safetensors and configurations, which turns texts into vectors.

Loading runs no code of the files and asks no server: ``modules.json`` names classes, and only those of
sentence-transformers that read plain files are made; the rest is looked at as a model of transformers is.

Source: https://sbert.net/docs/sentence_transformer/usage/custom_models.html, "Structure of Sentence Transformer
Models", and ``base/model.py``, ``base/modules`` of sentence-transformers 6.2 (read 2026-11).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.errors import PluginError, UserError
from mlem_model.frameworks.neural.modules import evaluating, unfit
from mlem_model.frameworks.text.folder_of_texts import FolderOfTexts
from mlem_model.frameworks.text.folders import fields, read_json
from mlem_model.frameworks.text.transformers_files import laid_out, make_stable, refused
from mlem_model.frameworks.text.transformers_loading import expect_bounded, modules_of, quietly

ENCODE = "encode"
_MODULES = "modules.json"
_CONFIG = "config_sentence_transformers.json"
_KINDS = "Transformer|Pooling|Normalize|Dense|LayerNorm|Dropout|WeightedLayerPooling|StaticEmbedding|CNN|LSTM|BoW"
_CLASS = re.compile(rf"sentence_transformers\.(\w+\.)*(models|modules)\.(\w+\.)*({_KINDS})")
_ACTIVATION = re.compile(r"torch\.nn\.(modules\.(activation|linear)\.)?[A-Z]\w*")
_METHOD = re.compile(r"forward|get_[a-z]+_features")
_PLACE = re.compile(r"[\w-]*")
_BACKEND_ARGUMENTS = (
    "model_args",
    "model_kwargs",
    "tokenizer_args",
    "processor_kwargs",
    "config_args",
    "config_kwargs",
)
_PLAIN_ARGUMENTS = {
    "max_length",
    "padding",
    "truncation",
    "padding_side",
    "truncation_side",
    "model_max_length",
    "dtype",
}
_NETWORK_CONFIG = re.compile(r"sentence_[\w-]+_config\.json")
_NETWORK_FIELDS = {
    *("max_seq_length", "do_lower_case", "transformer_task", "modality_config", "module_output_name", "unpad_inputs"),
    *("processing_kwargs", "query_length", "document_length", "query_expansion", *_BACKEND_ARGUMENTS),
}
"""What the first module may be made with: another field names a tokenizer elsewhere."""
_TASK = "feature-extraction"
_NO = "no-sentence-transformers"


class ServedEncoder:
    """An encoder that takes texts.

    Args:
        model: A ``SentenceTransformer``.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def encode(self, texts: Any) -> Any:
        """Return a vector for each text, an array of the shape (texts, dimensions).

        Args:
            texts: A list, or an array or a series, of texts.
        """
        with evaluating(self._model):
            return self._model.encode([str(text) for text in texts], show_progress_bar=False, convert_to_numpy=True)


class SentenceTransformersModel(FolderOfTexts):
    """A ``SentenceTransformer``: its ``encode`` takes a list of texts, and answers with one vector for each."""

    type: ClassVar[str] = "sentence_transformers"
    calls: ClassVar[Mapping[str, str]] = {ENCODE: ENCODE}
    served_as: ClassVar[Callable[[Any], Any]] = ServedEncoder

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`."""
        return any(
            base.__name__ == "SentenceTransformer" and base.__module__.partition(".")[0] == "sentence_transformers"
            for base in type(obj).__mro__
        )

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """See `ModelType.recognises`."""
        return (path / _MODULES).is_file()

    @classmethod
    def prepared(cls, obj: Any, sample_data: Any) -> Any:
        """See `ModelType.prepared`.

        Raises:
            UnfitError: It has a part of the user's.
        """
        for part in obj:
            name = f"{type(part).__module__}.{type(part).__name__}"
            if not _CLASS.fullmatch(name):
                raise unfit(obj, f"has a {name}, whose code is not in the files of sentence-transformers")
        return obj

    @classmethod
    def dump_files(cls, obj: Any, folder: Path) -> frozenset[str]:
        """See `ModelType.dump_files`; without the card, which is about its training."""
        with quietly():
            obj.save(str(folder), create_model_card=False)
        make_stable(folder)
        expect_plain(folder)
        return modules_of(folder) | {"sentence_transformers"}

    @classmethod
    def load_files(cls, folder: Path, requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load_files`.

        Raises:
            UserError: It is no such model, or has something that would be run.
        """
        try:
            import sentence_transformers
        except ImportError as error:
            hint = "pip install 'mlem-core[sentence-transformers]'"
            raise PluginError("this model needs the package sentence-transformers", hint=hint) from error
        expect_plain(folder)
        with laid_out(folder) as place, quietly():
            for file in sorted(place.rglob("config.json")):
                config = read_json(file, _NO)
                if isinstance(config, dict) and "model_type" in config:
                    expect_bounded(file.parent)
            try:
                found = sentence_transformers.SentenceTransformer(
                    str(place),
                    local_files_only=True,
                    trust_remote_code=False,
                    model_kwargs={"use_safetensors": True},
                )
            except Exception as error:  # of many kinds
                reason = " ".join(str(error).split())[:300]
                raise UserError(f"this is not a model of sentence-transformers: {reason}", code=_NO) from error
        return found.eval()


def expect_plain(folder: Path) -> None:
    """Refuse a folder whose ``modules.json``, or a configuration of whose modules, names what would be run.

    Args:
        folder: The folder.

    Raises:
        UserError: It does, or it is no folder of this kind.
    """
    modules = read_json(folder / _MODULES, _NO)
    if not isinstance(modules, list) or not modules or not all(isinstance(one, dict) for one in modules):
        raise UserError(f"{_MODULES} names no modules", code=_NO)
    for module in modules:
        kind, place = str(module.get("type")), str(module.get("path"))
        if not _CLASS.fullmatch(kind):
            raise refused(f"the module {kind[:100]!r}")
        if not _PLACE.fullmatch(place):
            raise UserError(f"{_MODULES} has a module in {place[:100]!r}, which is no folder in it", code="outside")
    for file in sorted(folder.rglob("*config.json")):
        _check_config(file)


def _check_config(file: Path) -> None:
    content = read_json(file, _NO)
    if _NETWORK_CONFIG.fullmatch(file.name) and isinstance(content, dict):
        odd = next((name for name in content if name not in _NETWORK_FIELDS), None)
        if odd is not None or content.get("transformer_task", _TASK) != _TASK:
            raise refused(f"{odd or 'transformer_task'} in {file.name}: {str(content[odd or 'transformer_task'])[:80]}")
    for _, name, value in fields(content):
        if name == "activation_function" and not _ACTIVATION.fullmatch(str(value)):
            raise refused(f"the activation function {str(value)[:100]!r}")
        if name == "method" and not _METHOD.fullmatch(str(value)):
            raise refused(f"the method {str(value)[:100]!r} in {file.name}")
        if name in _BACKEND_ARGUMENTS and value and not (isinstance(value, dict) and value.keys() <= _PLAIN_ARGUMENTS):
            raise refused(f"{name} in {file.name}: {json.dumps(value)[:100]}")
