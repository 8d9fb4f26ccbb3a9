"""Stored requests, sent again."""
