"""Connections of a client: addresses, proxies, pools, and deadlines."""
