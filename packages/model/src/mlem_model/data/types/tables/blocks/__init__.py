"""Frames made of blocks: all columns of one dtype at once, and not one after the other."""
