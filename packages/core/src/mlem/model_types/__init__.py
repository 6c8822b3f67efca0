"""How kinds of Python objects are saved and loaded; these are the ones that come with the core."""
