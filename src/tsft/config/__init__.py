"""What a run is told: the settings, their schema, their check. Standard library only."""
