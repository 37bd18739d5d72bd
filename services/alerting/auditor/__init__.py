"""The alarm on the alarm: a process of its own that recomputes from the ledger what should have
happened, compares, and tells the outside that all is well only when every reading is zero. It
decides nothing and sends nothing to anybody's desk."""
