"""What alerting decides, without any I/O: clocks, escalation, recipients, letters."""
