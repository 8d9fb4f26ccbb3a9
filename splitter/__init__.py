"""The sidecar: splits, mirrors and cuts over gRPC calls by one Consul key."""
