"""Types of what holds other values: lists, tuples, dicts, sets, objects with fields."""
