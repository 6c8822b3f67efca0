"""What each request of the API does, a module for each kind of resource."""
