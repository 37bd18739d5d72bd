"""The `songtor` command."""
