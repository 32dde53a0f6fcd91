"""What stays: the workspace folder, its record of runs, their folders, and presets. Knows no model and no page."""
