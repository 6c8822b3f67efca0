"""The protocols that callers speak: each is a table of routes."""
