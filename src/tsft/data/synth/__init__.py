"""A seeded generator of series with known truth, questions about them and computed answers. Needs no network."""
