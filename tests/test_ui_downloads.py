"""Links to files that the page serves."""

from html import unescape
from pathlib import Path

import pytest

from tsft.ui.downloads import link_html


@pytest.mark.parametrize("name", ["answers.csv", 'a "b" <i>&.zip', "传感器 1.jsonl"])
def test_a_link_to_a_file_holds_its_name_as_text(name: str) -> None:
    html = link_html(Path("/w/exports") / name, "en")
    assert "<i>" not in html and html.count('"') == 6
    assert f'download="{name.replace(chr(34), "")}"' in unescape(html) and " <i>&" not in html
    assert 'href="gradio_api/file=/w/exports/' in html
