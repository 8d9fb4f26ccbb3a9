"""What a fresh checkout needs before anything is installed: standard library only."""
