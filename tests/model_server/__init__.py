"""What the model server promises, part by part and as a running process."""
