"""Whether a colour is ready, and how sure that is. Pure."""
