# An instance of the service "recommender": it registers itself and its health check, and reads its service to
# notice when Consul has lost it. It reads and writes no key.

service "recommender" {
  policy = "write"
}

# An instance is read together with the node it runs on.
node_prefix "" {
  policy = "read"
}
