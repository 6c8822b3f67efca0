"""How kinds of Python objects are saved and loaded: one module for each framework."""
