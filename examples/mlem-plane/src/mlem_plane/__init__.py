"""A framework for points in the plane, and what mlem has to know of it."""
