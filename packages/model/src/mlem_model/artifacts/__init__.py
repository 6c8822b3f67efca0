"""The files of an object and the packages that it needs."""
