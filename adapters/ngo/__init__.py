"""Adapter to foundations: thin signed events out; their answers come by the hub's gateway."""
