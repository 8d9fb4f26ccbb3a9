"""The model server: ONNX models over the Open Inference Protocol, registered in Consul with a colour.

`__main__` (command) → `app` (constructs) → `servicer` (converts) → `inference` (rules) → `onnx_model` (runs).
"""
