"""Hooks of the project: commands of its own at certain points of a run."""
