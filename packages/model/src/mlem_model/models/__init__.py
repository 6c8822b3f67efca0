"""Saved models: metadata, methods, signatures, samples, saving and loading."""
