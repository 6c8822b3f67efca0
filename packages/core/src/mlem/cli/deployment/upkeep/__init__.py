"""``mlem deployment state`` and ``lock``: what is kept of deployments, and who may change it."""
