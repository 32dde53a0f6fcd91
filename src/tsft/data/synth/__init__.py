"""A small seeded generator of series with known truth, questions about them and answers. Needs no network."""
