"""What routing does: one function a command, each in the caller's transaction."""
