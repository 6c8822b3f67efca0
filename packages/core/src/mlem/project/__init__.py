"""A project: its folder, the places of its objects, its settings."""
