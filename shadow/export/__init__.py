"""Pairs for notebooks."""
