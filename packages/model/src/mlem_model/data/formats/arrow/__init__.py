"""Streams of Arrow of the usual form, read by numpy: all columns of one type at once."""
