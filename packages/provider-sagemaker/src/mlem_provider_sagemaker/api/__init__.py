"""AWS, through its SDKs."""
