"""What the pairs of a shadow say, for people and for CI."""
