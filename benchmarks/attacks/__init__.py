"""What hostile clients get, and what a well-behaved one beside them notices."""
