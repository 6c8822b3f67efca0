"""Types of arrays: dense ones, sparse ones, images."""
