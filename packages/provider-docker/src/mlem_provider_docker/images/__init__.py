"""Images of models: what they are made of, and how."""
