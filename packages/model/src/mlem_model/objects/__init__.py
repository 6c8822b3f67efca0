"""YAML files and the typed objects that they hold."""
