"""Layers: tar archives that depend on what is in them alone, packed the same way on every machine."""
