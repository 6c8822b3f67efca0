"""Pipelines of spaCy: the folder that ``nlp.to_disk`` writes; what a document has is answered as plain data.

Loading runs no code of the files: see `spacy_folder`.

Source: https://spacy.io/api/language (read 2026-11).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.errors import PluginError, UserError
from mlem_model.frameworks.neural.modules import has_base
from mlem_model.frameworks.text.folder_of_texts import FolderOfTexts
from mlem_model.frameworks.text.folders import read_json
from mlem_model.frameworks.text.spacy_folder import CONFIG, META, expect_plain, expect_plain_files, read_config

_WORDS = {"tag": "tag_", "pos": "pos_", "lemma": "lemma_", "dep": "dep_", "morph": "morph"}
"""What a token is told of, if a component says it, and the attribute with it as text."""


class ServedSpacy:
    """A pipeline that answers with plain data.

    Args:
        nlp: The pipeline.
    """

    def __init__(self, nlp: Any) -> None:
        self._nlp = nlp
        self._assigned = {one for name in nlp.pipe_names for one in nlp.get_pipe_meta(name).assigns}

    def predict(self, texts: Any) -> list[dict[str, Any]]:
        """Return what the pipeline says of each text.

        Args:
            texts: A list, or an array or a series, of texts; or a single one.

        Returns:
            For each text its ``tokens``, and of ``ents``, ``cats``, ``spans`` and ``sents`` what a component assigns;
            places are counted in characters of the text.
        """
        return [self._told(self._nlp(str(text))) for text in ([texts] if isinstance(texts, str) else texts)]

    def _told(self, doc: Any) -> dict[str, Any]:
        words = {name: attribute for name, attribute in _WORDS.items() if f"token.{name}" in self._assigned}
        found: dict[str, Any] = {
            "tokens": [
                {
                    "text": token.text,
                    "start": token.idx,
                    **{name: str(getattr(token, at)) for name, at in words.items()},
                }
                for token in doc
            ]
        }
        if "doc.ents" in self._assigned:
            found["ents"] = [_span(one) for one in doc.ents]
        if "doc.cats" in self._assigned:
            found["cats"] = {str(label): float(score) for label, score in doc.cats.items()}
        if "doc.spans" in self._assigned:
            found["spans"] = {str(name): [_span(one) for one in group] for name, group in doc.spans.items()}
        if "token.is_sent_start" in self._assigned:
            found["sents"] = [one.text for one in doc.sents]
        return found


class SpacyModel(FolderOfTexts):
    """A pipeline, which takes texts: for each its tokens, and the entities, categories and spans that it finds."""

    type: ClassVar[str] = "spacy"
    format: ClassVar[str] = "spacy"
    served_as: ClassVar[Callable[[Any], Any]] = ServedSpacy

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`."""
        return has_base(obj, "spacy.language", "Language")

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """See `ModelType.recognises`."""
        return (path / META).is_file() and (path / CONFIG).is_file()

    @classmethod
    def prepared(cls, obj: Any, sample_data: Any) -> Any:
        """See `ModelType.prepared`.

        Raises:
            UserError: It has a component of the user's, or of another package.
        """
        expect_plain(_plain_config(obj))
        return obj

    @classmethod
    def dump_files(cls, obj: Any, folder: Path) -> frozenset[str]:
        """See `ModelType.dump_files`; without what is about training."""
        obj.to_disk(folder)
        type(obj.config)(_plain_config(obj)).to_disk(folder / CONFIG)
        return frozenset({"spacy", "numpy"})

    @classmethod
    def load_files(cls, folder: Path, requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load_files`.

        Raises:
            UserError: It is no pipeline, or one that would run something.
        """
        spacy = _spacy()
        config = read_config(folder)
        expect_plain_files(folder)
        meta = read_json(folder / META, "no-spacy")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the framework about its own
                return spacy.util.load_model_from_config(config, meta=meta).from_disk(folder)
        except Exception as error:  # of many kinds
            reason = " ".join(str(error).split())[:300]
            raise UserError(f"this is not a pipeline of spaCy: {reason}", code="no-spacy") from error


def _span(span: Any) -> dict[str, Any]:
    return {"text": span.text, "label": span.label_, "start": span.start_char, "end": span.end_char}


def _plain_config(nlp: Any) -> dict[str, Any]:
    """Return what a pipeline's configuration says of the pipeline itself, without variables."""
    config = nlp.config
    config = config if config.is_interpolated else config.interpolate()
    return {name: config[name] for name in ("nlp", "components")}


def _spacy() -> Any:
    try:
        import spacy
    except ImportError as error:
        raise PluginError("pipelines of spaCy need the package spacy", hint="pip install 'mlem-core[spacy]'") from error
    return spacy
