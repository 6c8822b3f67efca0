"""What a model's sample data looked like, column by column: what calls are compared with later."""
