"""Connections of a client: addresses, proxies, pools, and the time that a call may take."""
