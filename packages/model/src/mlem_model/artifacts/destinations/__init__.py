"""Where a saved object goes: a folder here, or a store elsewhere, written whole or not at all."""
