"""Files in a deployment's folder by which its supervisor and the commands tell each other what happens."""
