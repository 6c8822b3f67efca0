"""``mlem migrate``: turns what MLEM 0.4 wrote in a project into this version's files, one by one."""
