"""Rows for training: read as they are, checked, encoded within the token budget, mixed and split. Knows no model."""
