"""The model server: ONNX models over the Open Inference Protocol, registered in Consul with a colour.

`__main__` (command) → `app` (constructs) → `transport` (converts) → `inference` (rules) → `scheduling` (queues,
batches) → `onnx_model` (runs), of the models that `repository` holds.
"""
