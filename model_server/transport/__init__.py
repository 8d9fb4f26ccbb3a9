"""gRPC: a thin layer that converts; the rules are in `inference`, so that another transport can take its place."""
