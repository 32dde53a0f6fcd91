"""The failure page in Chromium: what it says, the bundle, and the button that starts again with the change."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Served
from tests.fakes import failing_script, plain_script

pytestmark = pytest.mark.browser


@pytest.fixture
def failing(served: Served) -> Iterator[Served]:
    served.engine._script = failing_script
    served.engine.parents.clear()
    yield served
    served.engine._script = plain_script


def test_a_failed_run_is_explained_bundled_and_started_again_as_any_other_start(
    failing: Served, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    page = open_page(viewport={"width": 390, "height": 844})
    page.click("#start")
    box = page.wait_for_selector("#result .box.bad[data-failure=memory]")
    told = box.inner_text()
    for part in ("Memory", "There is not enough memory", "Batch size", "demo:1", "ERROR ran out of <b>memory</b>"):
        assert part in told
    assert box.query_selector("figure svg, figure img") is not None  # the row at fault, drawn
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    with page.expect_download() as download:
        page.click("#result [data-does=bundle]")
    assert download.value.suggested_filename == "tsft-run-1-debug.zip"
    download.value.save_as(tmp_path / "bundle.zip")
    assert (tmp_path / "bundle.zip").read_bytes() == b"PK-packed"

    # As it stands on the Runs tab, where it stays while another run is in progress.
    again = page.locator("#result").evaluate_handle("each => each.querySelector('[data-does=again]').cloneNode(true)")
    page.evaluate("button => document.body.append(button)", again)
    batch = failing.engine.started[0].schedule.batch_size
    failing.engine._script = plain_script
    page.click("#result [data-does=again]")
    page.wait_for_selector("#panel [data-status=finished]")
    config = failing.engine.started[1].schedule
    assert (config.batch_size, config.gradient_accumulation) == (batch // 2, 2)
    assert failing.engine.parents == ["", "run-1"]
    assert page.locator("#set-schedule-batch_size input").input_value() == str(batch // 2)  # the form says it too

    failing.engine.pace(0.5)
    page.click("#start")
    page.wait_for_selector("#panel [data-status=running]")
    page.evaluate("button => button.click()", again)  # another run is in progress: the queue is asked about
    page.wait_for_selector("#queue-question #queue-add", state="visible")
    page.click("#queue-add")
    page.wait_for_function("document.querySelectorAll('#queue-list li').length === 1")
