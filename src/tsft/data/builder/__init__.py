"""From tables of measurements to rows: columns, time, gaps, windows, splits, and questions with computed answers."""
