"""What the mesh costs, with its peers measured beside it in the same run: `make bench`."""
