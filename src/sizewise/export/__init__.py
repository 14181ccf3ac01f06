"""A finished specialist leaves Sizewise: as a folder, a wheel, an ONNX graph, or files to tune a large model with."""
