"""The model: it is loaded, calls of it are joined and dispatched, and its answers are encoded."""
