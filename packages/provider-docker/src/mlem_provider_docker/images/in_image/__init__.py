"""Programs that run while an image is built, by the image's own Python.

Standard library alone, and no word of mlem's other modules.
"""
