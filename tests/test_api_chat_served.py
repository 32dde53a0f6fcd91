"""OpenAI's own client against a really served app with the built-in model."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openai
import pytest

from tests.test_ui_serve import DEADLINE_SECONDS, started

pytestmark = pytest.mark.slow

KEY = "a-long-key-of-its-own"
SERIES = [float(each) for each in 5 * np.sin(np.arange(64.0) / 5)]
MESSAGES = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What happens in "},
            {"type": "timeseries", "timeseries": SERIES},
            {"type": "text", "text": "?"},
        ],
    }
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, endless_model: Path) -> Iterator[str]:
    """Of a server with an account for programs."""
    workspace = tmp_path_factory.mktemp("served")
    shutil.copytree(endless_model, workspace / "models" / "builtin")
    process, lines = started(workspace, TSFT_AUTH=f"robot:{KEY}")
    yield lines[-1].removeprefix("READY ")
    process.terminate()
    process.wait(DEADLINE_SECONDS)


@pytest.fixture
def client(address: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{address}/v1", api_key=KEY, timeout=60.0)


def test_an_answer_about_a_series_is_streamed_and_is_the_same_whole(client: openai.OpenAI) -> None:
    options = {"model": "builtin", "messages": MESSAGES, "max_tokens": 24}
    stream = client.chat.completions.create(**options, stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    text = "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)
    assert text and sum(bool(each.choices and each.choices[0].delta.content) for each in chunks) > 3
    assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens == 24
    whole = client.chat.completions.create(**options)
    assert whole.choices[0].message.content == text
    assert whole.choices[0].finish_reason == "length"
    assert whole.usage is not None and whole.usage.prompt_tokens == chunks[-1].usage.prompt_tokens > 8
    assert [each.id for each in client.models.list()][0] == "builtin"


def test_a_stream_that_is_closed_gives_the_model_to_the_next_request(client: openai.OpenAI) -> None:
    endless = client.chat.completions.create(
        model="builtin", messages=MESSAGES, max_tokens=30_000, stream=True, temperature=1.0, seed=1
    )
    next(iter(endless))
    endless.close()
    again = client.with_options(max_retries=0).chat.completions.create(
        model="builtin", messages=MESSAGES, max_tokens=4, extra_body={"repetition_penalty": 1.2}
    )
    assert again.usage is not None and again.usage.completion_tokens == 4


def test_the_example_of_the_guide_runs(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).resolve().parents[1] / "docs" / "chat.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", text, re.S)
    assert example is not None
    code = example[1].replace("http://127.0.0.1:7860", address).replace('"any"', repr(KEY))
    exec(compile(code, "docs/chat.md", "exec"), {})
    assert capsys.readouterr().out.strip()


def test_clients_raise_their_own_errors_with_our_sentences(address: str, client: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{address}/v1", api_key="sk-none", max_retries=0).models.list()
    with pytest.raises(openai.NotFoundError, match="ChatTS-8B"):
        client.chat.completions.create(model="ChatTS-8B", messages=MESSAGES)
    with pytest.raises(openai.BadRequestError, match="tools"):
        client.chat.completions.create(
            model="builtin", messages=MESSAGES, tools=[{"type": "function", "function": {"name": "f"}}]
        )
    gap = [{"role": "user", "content": "Two placeholders <ts><ts/> <ts><ts/>"}]
    with pytest.raises(openai.BadRequestError, match="2"):
        client.chat.completions.create(model="builtin", messages=gap, extra_body={"timeseries": SERIES})
