"""HTTP/1.1: connections, requests and responses, and the interface of the application that answers them."""
