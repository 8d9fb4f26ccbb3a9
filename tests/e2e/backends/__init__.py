"""Small gRPC servers that tell what they saw; each runs as a process of its own."""
