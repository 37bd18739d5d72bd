"""The five services of the hub."""
