"""Clients: they call the methods of what runs."""
