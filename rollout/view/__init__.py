"""What the operator sees: values in, rich renderables out. Pure; plain text where there is no terminal."""
