"""Neural networks: PyTorch, Keras, TensorFlow and graphs of ONNX, each in its own format."""
