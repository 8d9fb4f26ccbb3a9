"""How two answers to one request are compared. Pure."""
