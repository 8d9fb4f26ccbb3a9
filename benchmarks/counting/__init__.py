"""A backend that counts what reaches it: the witness of mirrored calls and of exported spans."""
