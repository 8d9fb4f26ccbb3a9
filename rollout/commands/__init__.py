"""The commands, thin: options in, one call, a report out."""
