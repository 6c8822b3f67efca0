"""From names to values: what a declaration, a state or a name stands for."""
