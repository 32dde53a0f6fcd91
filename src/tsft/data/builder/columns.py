"""Which column of a table is what: guessed from names and values, shown to a person, and never taken for certain."""

import re
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from tsft.data.builder.tables import Table, has_number, numbers
from tsft.data.builder.times import guess_format

WIDE, LONG = "wide", "long"
ANOMALY, CLASS = "anomaly", "class"
# Words for "nothing unusual" in a label column; everything else there marks a point as unusual.
NORMAL_WORDS = ("", "0", "0.0", "false", "no", "n", "normal", "ok", "none", "healthy", "good", "-", "正常", "否", "无")
_UNUSUAL_WORDS = (
    "1", "1.0", "true", "yes", "y", "anomaly", "anomalous", "abnormal", "outlier", "fault", "faulty", "bad", "broken",
    "异常", "故障", "是", "有",
)  # fmt: skip
_TIME_NAME = re.compile(r"time|date|stamp|\bts\b|epoch|时间|日期|时刻|日時|날짜|시간|время|дата", re.IGNORECASE)
_LABEL_NAME = re.compile(
    r"label|anomal|abnormal|outlier|fault|class|target|status|state|is_|event|incident|note|remark|comment|fehler|störung"
    r"|标签|异常|故障|类别|状态|事件|备注|異常|ラベル|事象|イベント|이상|라벨|사건|이벤트|авари|метка|событи",
    re.IGNORECASE,
)
_GROUP_NAME = re.compile(
    r"(^|_|\b)(id|uuid|machine|device|unit|group|host|asset|station|site|batch|run|subject|store|server|node|dataset)"
    r"(_|\b|$)|设备|机器|编号|站点|主机|批次|分组",
    re.IGNORECASE,
)
_SERIES_NAME = re.compile(
    r"metric|variable|sensor|channel|parameter|tag|measure|series|signal|kpi|指标|变量|传感器|参数|测点", re.IGNORECASE
)
_INDEX_NAME = re.compile(r"^(unnamed.*|index|row|no\.?|nr\.?|序号|column 1)$", re.IGNORECASE)
_UNIT = re.compile(r"^(.*?)\s*[(\[（【]\s*([^()\[\]（）【】]{1,12})\s*[)\]）】]\s*$")
# A label column has few different values; a group column repeats each of its values.
MOST_LABELS, MOST_GROUPS = 20, 10_000
_NUMERIC_SHARE = 0.9


@dataclass(frozen=True)
class Roles:
    """The guess. "" and () where no column looks like it. label_kind: "anomaly" or "class"."""

    layout: str = WIDE
    time: str = ""
    time_format: str = ""
    values: tuple[str, ...] = ()
    series: str = ""
    group: str = ""
    label: str = ""
    label_kind: str = ""


def guess_roles(table: Table) -> Roles:
    """What each column of the table looks like, or what its format says."""
    if table.roles:
        told = Roles(**table.roles)
        return replace(told, time_format=guess_format(table.texts(told.time)) if told.time else "")
    names = list(table.columns)
    numeric = [name for name in names if _is_numeric(table, name)]
    time, form = _time(table, names)
    label = _label(table, [name for name in names if name != time])
    rest = [name for name in names if name not in (time, label)]
    texts = [name for name in rest if name not in numeric]
    repeats = _repeats(table, time)
    series = next((name for name in texts if _SERIES_NAME.search(name) and _is_repeated(table, name)), "")
    values = [name for name in rest if name in numeric and not _is_counter(table, name)]
    # One value column and a column of names, each time once a name: the long layout.
    layout = LONG if series and len(values) == 1 and (repeats or not time) else WIDE
    series = series if layout == LONG else ""
    group = _group(table, [name for name in rest if name != series], numeric, repeats and layout == WIDE)
    return Roles(
        layout=layout,
        time=time,
        time_format=form,
        values=tuple(name for name in values if name != group),
        series=series,
        group=group,
        label=label,
        label_kind=label_kind(table, label) if label else "",
    )


def label_kind(table: Table, name: str) -> str:
    """Whether the labels mark unusual points or name classes."""
    found = {text.casefold() for text in table.texts(name)}
    return ANOMALY if found <= {*NORMAL_WORDS, *_UNUSUAL_WORDS} else CLASS


def name_and_unit(column: str) -> tuple[str, str]:
    """ "Oil temperature (°C)" is the name "Oil temperature" and the unit "°C"."""
    found = _UNIT.match(column)
    name, unit = (found[1], found[2]) if found and found[1].strip() else (column, "")
    return re.sub(r"[_\s]+", " ", name).strip() or column, unit


def _is_numeric(table: Table, name: str) -> bool:
    has = has_number(table, name)
    return bool(has.mean() >= _NUMERIC_SHARE and np.isfinite(numbers(table, name)).any())


def _time(table: Table, names: list[str]) -> tuple[str, str]:
    """The column of times and its form. Plain numbers are times only where the name says so."""
    for by_name in (True, False):
        for name in names:
            if bool(_TIME_NAME.search(name)) != by_name:
                continue
            form = guess_format(table.texts(name))
            if form and (by_name or not _is_numeric(table, name)):
                return name, form
    return "", ""


def _label(table: Table, names: list[str]) -> str:
    named = [name for name in names if _LABEL_NAME.search(name)]
    for name in named:
        different = len(set(table.texts(name)))
        if 1 < different <= MOST_LABELS:
            return name
    return ""


def _group(table: Table, names: list[str], numeric: list[str], repeats: bool) -> str:
    """A column that tells apart several recordings: by its name, or because times come more than once."""
    for name in names:
        if _GROUP_NAME.search(name) and _is_repeated(table, name):
            return name
    if repeats:
        return next((name for name in names if name not in numeric and _is_repeated(table, name)), "")
    return ""


def _repeats(table: Table, time: str) -> bool:
    """Whether most times occur more than once."""
    if not time:
        return False
    counts = Counter(table.texts(time))
    return 2 * len(counts) <= table.rows


def _is_repeated(table: Table, name: str) -> bool:
    different = len(set(table.texts(name)))
    return 1 <= different <= min(MOST_GROUPS, table.rows // 4)


def _is_counter(table: Table, name: str) -> bool:
    """A row number: rises by one from row to row, under a name that says so."""
    if not _INDEX_NAME.match(name):
        return False
    values = numbers(table, name)
    return len(values) > 1 and bool(np.all(np.diff(values) == 1))
