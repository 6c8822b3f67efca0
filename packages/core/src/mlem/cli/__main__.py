"""``python -m mlem.cli``: the command ``mlem``."""

from mlem.cli.main import main

main()
