"""What people read: the page with the form, the page of the methods, the OpenAPI document."""
