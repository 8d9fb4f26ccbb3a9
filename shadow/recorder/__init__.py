"""The process that compares pairs and keeps them, apart from the data path."""
