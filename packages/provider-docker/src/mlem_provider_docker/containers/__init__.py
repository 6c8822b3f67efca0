"""Containers that serve."""
