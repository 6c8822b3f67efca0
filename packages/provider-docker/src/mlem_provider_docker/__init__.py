"""Deploy a model as a container on a Docker Engine, and build images of models."""
