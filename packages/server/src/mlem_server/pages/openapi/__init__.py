"""The OpenAPI document of a model, for people, for checks, and for the generators of clients."""
