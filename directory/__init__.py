"""The directory: every unit of every agency, as one immutable snapshot held in memory.

Pure but for `directory.replica`, which loads a snapshot from the registry and keeps it fresh. The
registry, routing, alerting and the gateway share it; it knows no case and no person.
"""
