"""Generators that make clients of the OpenAPI document: those that tests try."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Generator:
    """A program that makes a client, or a part of one.

    Attributes:
        what: What it makes.
        commands: How it is had and run, with the document beside it as ``openapi.json``.
    """

    what: str
    commands: tuple[str, ...]


GENERATORS = (
    Generator(
        "A package in Python",
        ("pip install openapi-python-client", "openapi-python-client generate --path openapi.json"),
    ),
    Generator(
        "Models of pydantic",
        (
            "pip install datamodel-code-generator",
            "datamodel-codegen --input openapi.json --output models.py --output-model-type pydantic_v2.BaseModel "
            "--use-annotated",
        ),
    ),
    Generator(
        "Types for TypeScript, and a client that uses them",
        ("npm install openapi-typescript openapi-fetch", "npx openapi-typescript openapi.json -o model.d.ts"),
    ),
    Generator(
        "A client in TypeScript",
        ("npm install @hey-api/openapi-ts", "npx openapi-ts -i openapi.json -o client"),
    ),
)
"""The generators; what they make is type-checked and used by ``tests/clients``."""
