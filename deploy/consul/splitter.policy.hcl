# The sidecar of the service "recommender": it reads the traffic document and the instances, and writes what it
# applies and what it has seen. It can neither change the document nor register anything.

key "verdigris/recommender/traffic" {
  policy = "read"
}

key_prefix "verdigris/recommender/status/" {
  policy = "write"
}

key_prefix "verdigris/recommender/history/" {
  policy = "write"
}

service "recommender" {
  policy = "read"
}

# An instance is read together with the node it runs on.
node_prefix "" {
  policy = "read"
}

# Its status key is bound to a session, so that it vanishes with the sidecar. Where each node has a token of its
# own, name that node here: session "NODE".
session_prefix "" {
  policy = "write"
}
