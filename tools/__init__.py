"""Short programs that the Makefile calls; nothing in the product imports them."""
