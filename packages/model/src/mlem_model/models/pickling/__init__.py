"""How an object is pickled, with the modules and classes that travel with it."""
