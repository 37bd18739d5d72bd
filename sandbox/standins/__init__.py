"""Stand-ins for the five agencies' systems, one program each, over the real protocols.

Each keeps its own SQLite file, knows nothing of the hub's code, and plays a script: it accepts,
declines, reaches, completes or stays silent, and counts what reached it twice.
"""
