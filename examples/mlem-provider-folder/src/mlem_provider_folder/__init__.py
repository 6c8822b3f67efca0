"""Deploy a model into a folder: an example of a third-party provider."""
