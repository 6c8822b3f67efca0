"""One module for each data type; `mlem_model.data.types.any` has them all."""
