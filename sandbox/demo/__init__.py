"""The demo: a day and a night of invented reports from all 77 provinces, and their right endings.

`scenario` is data made without randomness; `runner` plays it through the gateway as real clients
would and holds the hub to it.
"""
