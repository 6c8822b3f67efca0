"""What goes into a method and comes out of it."""
