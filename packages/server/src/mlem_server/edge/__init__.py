"""What browsers, proxies and networks between a caller and this server ask for."""
