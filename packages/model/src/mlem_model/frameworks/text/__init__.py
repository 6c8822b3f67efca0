"""Models of texts: transformers, sentence-transformers and spaCy, each a folder of files without code."""
