"""Stand-in for a labour ministry's case system: SOAP 1.1 by the published contract."""
