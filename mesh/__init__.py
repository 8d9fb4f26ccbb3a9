"""What every program of the mesh shares; it imports none of them."""
