"""What deploy/ says, tried on real servers."""
