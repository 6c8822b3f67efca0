"""States of deployments: what is on record, who may change it, and where it is kept."""
