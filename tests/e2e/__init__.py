"""Promises kept by real processes: a real Consul, the real commands, and clients nobody here wrote."""
