"""What a run says: its events, the state they add up to, and the board that carries both. Standard library only."""
