"""Judging answers: reading them, scoring them against a label, and metrics of intervals. Plain dicts and numpy only."""
