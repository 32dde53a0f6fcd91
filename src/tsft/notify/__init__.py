"""Tells people of runs outside the page: a webhook, on threads of its own that no run ever waits for."""
