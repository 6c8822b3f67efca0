"""An image as a whole: its layers, its configuration and its manifest."""
