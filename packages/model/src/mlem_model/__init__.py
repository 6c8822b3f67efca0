"""A saved model without a platform: its metadata, its data types and their formats, its files, and the frameworks that it may come from."""
