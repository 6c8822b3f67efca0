"""How a method of a model is called: its arguments, its rows, and how its answer comes."""
