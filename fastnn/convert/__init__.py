"""Models carried over from scikit-learn, and to ONNX; the way to scikit-learn is a method."""
