"""A mail server that delivers to nobody: takes every message over SMTP, keeps it, and shows it.

So the sandbox's desks receive real mail over the real protocol, and a test can read it. A message
is taken (250) only once it is on disk.
"""
