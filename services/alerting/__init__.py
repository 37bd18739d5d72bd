"""Alerting: the clocks on every case, and the people who are told when one runs out.

It owns clocks, deadlines, breach facts, alerts, their escalation and each message to each desk. It
never moves a case or an assignment (time changes no state), and it knows no person: case numbers,
codes and desks only.
"""
