"""A stand-in for the public Pokémon API, with a small data set of its own."""
