"""The packages of an image: chosen by uv, fetched by pip, and laid out as an installer does, for another machine."""
