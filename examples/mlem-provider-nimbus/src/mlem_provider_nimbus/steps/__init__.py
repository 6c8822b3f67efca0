"""What is made on Nimbus, one file for each resource."""
