"""The implementations of the data types; `mlem.data` has their public names."""
