"""The doctor's examination: kinds of findings, checks of one row beyond training's own, checks across rows, reports."""
