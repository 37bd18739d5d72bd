"""What a directory must be before it is released. Pure."""
