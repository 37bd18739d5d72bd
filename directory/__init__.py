"""The directory: every unit of every agency, as one immutable snapshot held in memory.

The registry, routing, alerting and the gateway share it; it knows no case and no person. Pure but
for its edges: `wire` speaks protobuf, `replica` follows the registry, `releasing` sends it a new
directory, `archive` keeps a snapshot in a file.
"""
