"""What stands in the bytes of a call: gRPC messages, tensors. Pure."""
