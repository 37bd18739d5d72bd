"""Stand-in for a hospital's referral system: a FHIR R4B server that closes the loop on Tasks."""
