"""Deploys models to Nimbus."""
