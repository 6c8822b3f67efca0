"""A distribution that breaks every rule of packaging."""
