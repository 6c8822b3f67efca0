"""Translation of the declarations that MLEM 0.4 wrote: each of its fields is mapped, or named with what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlem.provider import FieldReader, Lost, Translation, word_of

_ENV_LOST = {
    "account": ("the account is that of the credentials", "compare: aws sts get-caller-identity"),
    "bucket": ("the model is in the image, and nothing is kept on S3", "what MLEM 0.4 uploaded stays there"),
}
_DEPLOYMENT_LOST = {
    "accelerator_type": ("Elastic Inference does not exist any more", "choose an instance_type with an accelerator"),
    "image_tag": ("every image has a tag that depends on its content", ""),
    "model_arch_location": (
        "the model is in the image, and nothing is kept on S3",
        "what MLEM 0.4 uploaded stays there",
    ),
    "model_name": ("a model's name follows from its content", ""),
}


def translate_env(data: Mapping[str, Any]) -> Translation:
    """Turn an env's fields of MLEM 0.4 into this version's; others are left alone.

    Args:
        data: The fields.
    """
    return _without(data, _ENV_LOST)


def translate_deployment(data: Mapping[str, Any], source: str, prefix: str = "") -> Translation:
    """Turn a deployment's fields of MLEM 0.4 into this version's; others are left alone.

    Args:
        data: The fields.
        source: The file's name, for messages.
        prefix: The path of ``data`` inside the file, with its dot.

    Raises:
        DeclarationError: A field has no counterpart, and can't be left out; the message names it.
    """
    fields = dict(data)
    if fields.pop("use_prebuilt", False):
        raise FieldReader(source, prefix).fail(
            "use_prebuilt", "an existing image can't be named: leave it out, and one is built from the model"
        )
    method = fields.pop("method", "predict")
    lost = []
    if method != "predict":
        lost.append(
            Lost(
                "method",
                f"an endpoint answers for every method; callers name {method!r} themselves",
                "see docs/how-to/sagemaker.md",
            )
        )
    if "initial_instance_count" in fields:
        fields.setdefault("instance_count", fields.pop("initial_instance_count"))
    server = fields.pop("server", None)
    kind = word_of(server)
    if kind not in (None, "fastapi", "sagemaker", "_sagemaker"):
        lost.append(Lost("server", f"{kind!r} has no counterpart: there is only one server"))
    found = _without(fields, _DEPLOYMENT_LOST)
    return Translation(found.fields, (*lost, *found.lost))


def _without(data: Mapping[str, Any], reasons: Mapping[str, tuple[str, str]]) -> Translation:
    lost = [Lost(name, *reasons[name]) for name in data if name in reasons]
    return Translation({key: value for key, value in data.items() if key not in reasons}, tuple(lost))
