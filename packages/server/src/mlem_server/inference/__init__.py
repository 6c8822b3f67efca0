"""The model: it is loaded, calls of it are decoded, joined and dispatched, and its answers are encoded."""
