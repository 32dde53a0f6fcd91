"""Preference rows from what the product knows: scored answers, verdicts of the Chat, corrections of the label room."""
