"""The releases of a deployment: who made them, which are kept, and what a new one may not undo."""
