"""The engine: one background thread that trains, says what it does, and obeys."""
