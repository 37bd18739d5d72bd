"""What the gateway decides, as functions of values: who may do what, what an error says to whom."""
