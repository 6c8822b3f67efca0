"""A saved model without a platform.

Its metadata, its data types and their formats, its files, and the frameworks that it may come from.
"""
