"""What a shadow costs the caller it copies: nothing, whatever becomes of the shadow and of the recorder."""
