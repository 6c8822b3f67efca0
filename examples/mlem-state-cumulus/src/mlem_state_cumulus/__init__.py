"""Keeps the states of mlem in Cumulus."""
