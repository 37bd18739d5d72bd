"""The registry owns the directory that all agencies share, as a row of releases.

It takes a whole new directory or none of it, keeps every version of every unit, says who is
responsible for a place and a problem, and hands releases to replicas. It knows no case, no person.
"""
