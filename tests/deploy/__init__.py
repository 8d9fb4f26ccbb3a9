"""What `deploy/` promises, checked against the real commands."""
