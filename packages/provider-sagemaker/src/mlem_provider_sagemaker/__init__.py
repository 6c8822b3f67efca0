"""Deploy a model as an Amazon SageMaker endpoint."""
