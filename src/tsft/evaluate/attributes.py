"""What an answer states against what its label states: recall and precision of attributes, the measure of descriptions.

Overlap of words cannot tell whether the numbers and events of a description are right; this can.
"""

from collections.abc import Mapping
from typing import Any

from tsft.evaluate.intervals import matched
from tsft.evaluate.lists import Matches, match_events, match_names
from tsft.evaluate.scores import Score


def attribute_matches(scored: Score, label: Mapping[str, Any]) -> Matches:
    """What the answer states against what the label states, each event, name and stretch counting for itself.

    A list that is rightly empty is one statement ("no events"); a field that could not be read states nothing.
    """
    found = [_field_matches(scored, each) for each in label["fields"]]
    sizes = tuple(size for each in found for size in each.sizes)
    return Matches(sum(each.hits for each in found), sum(e.said for e in found), sum(e.true for e in found), sizes)


def _field_matches(scored: Score, field: Mapping[str, Any]) -> Matches:
    name, true = field["name"], field["value"]
    judged = scored.fields[name]
    is_list = field["kind"] in ("events", "names", "intervals")
    if not judged.is_read:
        return Matches(0, 0, max(1, len(true)) if is_list else 1)
    said = scored.parsed[name]
    if not is_list or (not said and not true):
        return Matches(int(judged.is_right), 1, 1)
    if field["kind"] == "events":
        found = match_events(said, field)
    elif field["kind"] == "names":
        found = match_names(said, true)
    else:
        found = Matches(len(matched(said, true, 0.1)), len(said), len(true))
    return Matches(found.hits, max(1, found.said), max(1, found.true), found.sizes)
