"""A model that was really trained for two steps leaves through the Export tab."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Served
from tests.engine_runs import make_bench, small
from tsft.ui.launch import Address, launch
from tsft.ui.page import build_page
from tsft.ui.workspace import page_context

pytestmark = pytest.mark.browser

# Three times a model is loaded and asked, once in a fresh process.
EXPORT_MS = 240_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, builtin_model: Path) -> Iterator[Served]:
    """The page over the real engine, in a workspace with one run."""
    bench = make_bench(tmp_path_factory.mktemp("exported") / "workspace", builtin_model)
    state = bench.run(small(schedule__max_steps=2, data__validation="none", output__name="pump"))
    assert state.status == "finished", state.failure
    launched = launch(build_page(page_context(bench.engine, bench.workspace, bench.record)), Address())
    yield Served(bench.engine, launched.url, bench.workspace)  # type: ignore[arg-type]  # nothing is scripted here
    launched.blocks.close(verbose=False)
    bench.engine.close()
    bench.record.close()


@pytest.fixture
def served(server: Served) -> Served:
    return server


@pytest.mark.long
def test_a_trained_model_is_exported_from_the_page_and_its_self_test_agrees(open_page: Any, served: Served) -> None:
    page = open_page()
    page.click("#tab-export-button")
    page.wait_for_selector("#export-about .command")
    assert "pump · adapter · step 2" in page.input_value("#set-export-result input")
    page.fill("#set-export-name input, #set-export-name textarea", "taken")
    page.click("#export-begin")
    page.wait_for_selector("#export-progress .box")
    page.wait_for_selector("#export-outcome [data-test=agrees]", timeout=EXPORT_MS)
    card = page.inner_text("#export-card pre")
    assert "# pump" in card and "learning_rate" in card
    page.wait_for_selector("#export-earlier tr[data-export=taken]:has-text('step 2')")
    assert (served.workspace.exports / "taken" / "model.safetensors").is_file()
