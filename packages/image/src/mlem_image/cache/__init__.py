"""What was made before: layers by their content, and what is known of sets of packages and of base images."""
