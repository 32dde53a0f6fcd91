"""The way in for whatever loads a model into this process: one at a time, or two of them would see each other free."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Admission:
    """Taken with `lock` held: `refuse`, then say that the place is taken, then `make_room`.

    refuse: raises UserError while something else has the place. make_room: ends what gives way, and waits for it; what
    waits instead of ending looks again at once, and must find the place taken by then.
    """

    refuse: Callable[[], None]
    make_room: Callable[[], None]
    lock: threading.Lock = field(default_factory=threading.Lock)
