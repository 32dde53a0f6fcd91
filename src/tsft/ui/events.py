"""How the page's handlers are registered with Gradio: outside its public interface, and without its own spinners."""

from typing import Any

# Nothing of the page is an endpoint that a script should call; a quick answer needs no place in the queue.
QUEUED: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
PRIVATE: dict[str, Any] = {"queue": False, **QUEUED}
