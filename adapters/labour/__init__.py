"""Adapter to labour offices: SOAP 1.1 by the contract that lies in `contract/`."""
