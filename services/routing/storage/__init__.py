"""Every SQL statement of routing: many rows a statement, never one a row."""
