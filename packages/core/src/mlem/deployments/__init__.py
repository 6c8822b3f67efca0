"""Deployments: from a declaration to what runs on a platform."""
