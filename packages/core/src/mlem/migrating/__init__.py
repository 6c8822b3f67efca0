"""``mlem migrate``: what MLEM 0.4 wrote in a project becomes what this version writes, file by file."""
