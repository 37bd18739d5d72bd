"""Stand-in for a shelter network's case management, with the API that Primero v2 documents."""
