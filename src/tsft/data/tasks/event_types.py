"""The closed list of event types: ChatTS's 19 under their own names, and ours, with what each does to the series."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EventType:
    """key is the English name that answers use. family: what a plain question calls it ("spike", "shift" or "other").

    direction: 1 up, -1 down, 0 neither. is_permanent: the level does not come back. least: points it needs.
    """

    key: str
    chinese: str
    family: str
    direction: int
    is_permanent: bool
    least: int
    is_chatts: bool = True


EVENT_TYPES: tuple[EventType, ...] = (
    EventType("shake", "抖动", "other", 0, False, 8),
    EventType("upward spike", "向上尖峰", "spike", 1, False, 3),
    EventType("downward spike", "向下尖峰", "spike", -1, False, 3),
    EventType("continuous upward spike", "连续向上尖峰", "spike", 1, False, 10),
    EventType("continuous downward spike", "连续向下尖峰", "spike", -1, False, 10),
    EventType("upward convex", "向上凸起", "other", 1, False, 15),
    EventType("downward convex", "向下凹陷", "other", -1, False, 15),
    EventType("sudden increase", "突然上升", "shift", 1, True, 2),
    EventType("sudden decrease", "突然下降", "shift", -1, True, 2),
    EventType("rapid rise followed by slow decline", "快速上升后缓慢下降", "other", 1, False, 10),
    EventType("slow rise followed by rapid decline", "缓慢上升后快速下降", "other", 1, False, 10),
    EventType("rapid decline followed by slow rise", "快速下降后缓慢上升", "other", -1, False, 10),
    EventType("slow decline followed by rapid rise", "缓慢下降后快速上升", "other", -1, False, 10),
    EventType("decrease after upward spike", "向上尖峰后水平下降", "spike", 1, True, 8),
    EventType("increase after upward spike", "向上尖峰后水平上升", "spike", 1, True, 8),
    EventType("increase after downward spike", "向下尖峰后水平上升", "spike", -1, True, 8),
    EventType("decrease after downward spike", "向下尖峰后水平下降", "spike", -1, True, 8),
    EventType("wide upward spike", "宽幅向上尖峰", "other", 1, False, 16),
    EventType("wide downward spike", "宽幅向下尖峰", "other", -1, False, 16),
    EventType("flatline", "数值卡死", "other", 0, False, 12, is_chatts=False),
    EventType("dropout to zero", "掉零", "other", -1, False, 4, is_chatts=False),
    EventType("variance burst", "方差突增", "other", 0, False, 16, is_chatts=False),
    EventType("period change", "周期变化", "other", 0, False, 24, is_chatts=False),
    EventType("clipped top", "顶部截断", "other", 0, False, 24, is_chatts=False),
    EventType("slow drift", "缓慢漂移", "other", 0, False, 32, is_chatts=False),
    EventType("gradual level shift", "渐进水平漂移", "shift", 0, True, 16, is_chatts=False),
)
EVENT_TYPE = {each.key: each for each in EVENT_TYPES}
SPIKES = tuple(each.key for each in EVENT_TYPES if each.family == "spike")
SHIFTS = tuple(each.key for each in EVENT_TYPES if each.is_permanent)
