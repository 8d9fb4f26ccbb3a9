# Whoever shifts the traffic of the service "recommender", by the verdigris command or in Consul's web interface:
# it writes the traffic document and reads the rest. It can neither change the history nor register anything.

key "verdigris/recommender/traffic" {
  policy = "write"
}

# As "read", and also where the agents' enable_key_list_policy tells reading from listing.
key_prefix "verdigris/recommender/" {
  policy = "list"
}

service "recommender" {
  policy = "read"
}

# An instance is read together with the node it runs on.
node_prefix "" {
  policy = "read"
}
