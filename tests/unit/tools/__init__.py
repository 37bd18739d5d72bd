"""Tests of the programs that the Makefile calls."""
