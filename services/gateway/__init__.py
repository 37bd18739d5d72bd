"""The gateway: the one door from outside. REST in, gRPC on; it turns errors into problem documents.

It owns no case and no person, only the hashes of API keys and what each may do. It says "stored"
only after intake has, and never repeats in an answer what somebody sent.
"""
