"""``mlem deployment run``, ``plan``, ``restart``, ``rollback``, ``remove``: what changes deployments."""
