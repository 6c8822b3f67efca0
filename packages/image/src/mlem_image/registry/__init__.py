"""Registries of images, by their HTTP API.

Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md (read 2026-11).
"""
