"""Clients: they call the methods of running deployments."""
