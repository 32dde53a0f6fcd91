"""How the page's handlers are registered with Gradio: outside its public interface, and without its own spinners."""

from typing import Any

# Nothing of the page is an endpoint that a script should call; a quick answer needs no place in the queue.
QUEUED: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
PRIVATE: dict[str, Any] = {"queue": False, **QUEUED}
# For `change` where another handler listens to the same control. Gradio gives `change` the mode "always_last", and in
# 6.31 two such handlers of one control call each other without end: a deferred one repeats the event, not only itself.
BESIDE: dict[str, Any] = {**PRIVATE, "trigger_mode": "multiple"}
