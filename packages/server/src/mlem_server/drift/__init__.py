"""Inputs that no longer look like the sample data."""
