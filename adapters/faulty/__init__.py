"""An adapter that fails on demand, for tests of whoever stands on the SDK. Never deployed."""
