"""Routing: a referral's way from the decision to the end.

Owns referrals, assignments, deliveries, milestones and the decisions behind them. It decides from
its replica of the directory and from policy; it never asks the registry during a decision, never
keeps a person's identity, and never speaks an agency's own protocol.
"""
