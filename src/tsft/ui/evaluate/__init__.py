"""The Evaluate & Predict tab: asking models about datasets, the report, and every answer beside its series."""
