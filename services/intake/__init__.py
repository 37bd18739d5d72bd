"""Intake: every report and its case, and the people in them, sealed.

It takes reports from any door, screens them, and says "accepted" only after the commit. Names,
numbers, addresses and stories stand in its identity blocks, encrypted, and nowhere else. It never
decides who helps: it announces the case, and routing does.
"""
