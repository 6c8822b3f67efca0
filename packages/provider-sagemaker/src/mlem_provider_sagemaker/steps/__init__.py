"""The resources of a deployment, one module each."""
