"""Clients that come with the core."""
