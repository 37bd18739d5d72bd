"""Adapter to hospitals: HL7 FHIR R4B, referrals as Tasks in the SDOH Clinical Care closed loop."""
