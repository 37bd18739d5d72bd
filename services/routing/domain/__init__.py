"""What routing decides, from values alone: moves of an assignment, and who is asked to help."""
