"""Runs a declared set of processes on one machine: starts, watches, restarts and stops them.

It knows nothing about what they do; `sandbox.hub` declares the hub's own set.
"""
