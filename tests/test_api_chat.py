"""The OpenAI-compatible interface over a scripted engine: what is asked, what is answered, what is refused and how."""

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.api_client import ACCOUNTS, HOST
from tests.fakes import FakeEngine
from tsft.access import FREE_TRIES, Door
from tsft.api.chat_completions import make_chat_api
from tsft.api.chat_models import ChatModels
from tsft.api.chat_turns import MOST_WAITING, grown
from tsft.api.gate import Gate
from tsft.config.run_config import RunConfig
from tsft.errors import Problem, UserError, message
from tsft.run.answers import Answer, Answering, AnswerOptions, Question, Slot, Tell
from tsft.store.app_settings import SettingsFile
from tsft.store.record import Record
from tsft.store.workspace import open_workspace

ASK = {"model": "builtin", "messages": [{"role": "user", "content": "What is it?"}]}
PIECES = ("It ", "rises ", "to 12.")
WAVE, RAMP = [0.0, 1.5, -1, 2], [1, 2, 3.25]


class Scripted(FakeEngine):
    """Says its pieces on a thread of its own; stays silent after them while `is_endless`."""

    def __init__(self, pieces: Sequence[str] = PIECES, is_endless: bool = False, is_cut: bool = False) -> None:
        super().__init__()
        self.pieces = pieces
        self.is_endless = is_endless
        self.is_cut = is_cut
        self.refuses_with: UserError | None = None
        self.fails_with: Problem | None = None
        self.questions: list[Question] = []
        self.options: list[AnswerOptions] = []
        self.configs: list[RunConfig] = []
        self.stopped: list[int] = []
        self.held = Slot("free")
        self.has_spoken = threading.Event()

    def slot(self) -> Slot:
        return self.held

    def answer(
        self,
        config: RunConfig,
        questions: Sequence[Question],
        options: AnswerOptions | None = None,
        tell: Tell | None = None,
    ) -> int:
        if self.refuses_with is not None:
            raise self.refuses_with
        self.configs.append(config)
        self.questions += questions
        self.options.append(options or AnswerOptions())
        number = self._answering.number + 1
        self._answering = Answering(number, config.model.name, 1)
        assert tell is not None
        threading.Thread(target=self._speak, args=(number, tell), daemon=True).start()
        return number

    def stop_answering(self, number: int = 0) -> bool:
        self.stopped.append(number)
        self._answering = Answering(number, "", 1, is_done=True, is_stopped=True)
        return True

    def _speak(self, number: int, tell: Tell) -> None:
        text = ""
        for count, piece in enumerate(self.pieces, start=1):
            text += piece
            tell(Answer(0, text, tokens=count, prompt_tokens=40))
        self.has_spoken.set()
        if self.fails_with is not None:
            self._answering = Answering(number, "", 1, is_done=True, problem=self.fails_with)
        elif not self.is_endless:
            tell(Answer(0, text, True, tokens=len(self.pieces), prompt_tokens=40, is_cut=self.is_cut))


class Chat:
    def __init__(self, folder: Path, engine: Scripted, door: Door | None = None) -> None:
        self.engine = engine
        self.record = Record(open_workspace(folder))
        settings = SettingsFile(self.record.workspace, {})
        models = ChatModels(engine, self.record, settings)
        self.application: FastAPI = make_chat_api(engine, models, Gate(door, lambda cookies: ""))
        self.client = TestClient(self.application, base_url=HOST, raise_server_exceptions=False)

    def post(self, wanted: Any = ASK, headers: dict[str, str] | None = None, **more: Any) -> Any:
        return self.client.post("/v1/chat/completions", json={**wanted, **more}, headers=headers or {})

    def error(self, status: int, wanted: Any = ASK, **more: Any) -> dict[str, Any]:
        answer = self.post(wanted, **more)
        assert answer.status_code == status, answer.text
        tree = answer.json()
        assert set(tree) == {"error"} and set(tree["error"]) == {"message", "type", "param", "code", "key"}
        return tree["error"]

    def events(self, **more: Any) -> list[Any]:
        """The data of a stream, the last one "[DONE]" or an error."""
        answer = self.post(stream=True, **more)
        assert answer.headers["content-type"].startswith("text/event-stream"), answer.text
        lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
        return [line if line == "[DONE]" else json.loads(line) for line in lines]


@pytest.fixture
def chat(tmp_path: Path) -> Chat:
    return Chat(tmp_path, Scripted())


def asked(parts: Any, chat: Chat, **more: Any) -> Question:
    answer = chat.post({"model": "builtin", "messages": [{"role": "user", "content": parts}]}, **more)
    assert answer.status_code == 200, answer.text
    return chat.engine.questions[-1]


# -- answers -----------------------------------------------------------------------------------------------------------


def test_a_whole_answer_has_openais_form(chat: Chat) -> None:
    tree = chat.post().json()
    assert (tree["object"], tree["model"]) == ("chat.completion", "builtin")
    choice = tree["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": "It rises to 12.", "refusal": None}
    assert choice["finish_reason"] == "stop"
    assert tree["usage"] == {"prompt_tokens": 40, "completion_tokens": 3, "total_tokens": 43}


def test_an_answer_that_was_cut_says_so(tmp_path: Path) -> None:
    tree = Chat(tmp_path, Scripted(is_cut=True)).post(max_tokens=3).json()
    assert tree["choices"][0]["finish_reason"] == "length"


def test_a_stream_begins_with_the_role_grows_and_ends_with_the_usage_that_was_asked_for(chat: Chat) -> None:
    *chunks, usage, end = chat.events(stream_options={"include_usage": True})
    assert end == "[DONE]"
    assert usage["choices"] == [] and usage["usage"]["completion_tokens"] == 3
    deltas = [each["choices"][0]["delta"] for each in chunks]
    assert deltas[0]["role"] == "assistant" and deltas[-1] == {}
    assert "".join(each.get("content", "") for each in deltas) == "It rises to 12."
    assert [each["choices"][0]["finish_reason"] for each in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert {each["object"] for each in chunks} == {"chat.completion.chunk"}
    assert all("usage" not in each for each in chat.events()[:-1])


def test_series_stand_where_their_parts_stand(chat: Chat) -> None:
    parts = [
        {"type": "text", "text": "Compare "},
        {"type": "timeseries", "timeseries": WAVE},
        {"type": "text", "text": " with "},
        {"type": "timeseries", "timeseries": [RAMP, WAVE]},
        {"type": "text", "text": "."},
    ]
    question = asked(parts, chat)
    assert question.turns == [{"role": "user", "content": "Compare <ts><ts/> with <ts><ts/><ts><ts/>."}]
    assert list(question.series) == [WAVE, RAMP, WAVE]


@pytest.mark.parametrize("more", [{"timeseries": [WAVE, RAMP]}, {"multi_modal_data": {"timeseries": [WAVE, RAMP]}}])
def test_series_beside_the_text_go_to_its_placeholders_in_order(chat: Chat, more: dict) -> None:
    question = asked("First <ts><ts/>, then <ts><ts/>.", chat, **more)
    assert list(question.series) == [WAVE, RAMP]
    mixed = [{"type": "text", "text": "<ts><ts/> and "}, {"type": "timeseries", "timeseries": [[7, 8]]}]
    assert list(asked(mixed, chat, timeseries=WAVE).series) == [WAVE, [7, 8]]
    assert len(asked("Only <ts><ts/>.", chat, **more).series) == 2  # one too many: the model's own sentence counts


def test_a_conversation_goes_on_with_what_a_client_sends_back(chat: Chat) -> None:
    before = {"role": "assistant", "content": "Yes.", "refusal": None, "annotations": [], "tool_calls": None}
    messages = [{"role": "developer", "content": "Be short."}, ASK["messages"][0], before, ASK["messages"][0]]
    assert chat.post(messages=messages).status_code == 200
    assert [turn["role"] for turn in chat.engine.questions[0].turns] == ["system", "user", "assistant", "user"]


def test_sampling_reaches_the_engine_and_nothing_said_is_the_likeliest(chat: Chat) -> None:
    chat.post()
    assert chat.engine.options[0] == AnswerOptions(keeps_model=True)
    chat.post(
        max_completion_tokens=7, temperature=0.5, top_p=0.9, top_k=-1, repetition_penalty=1.1, seed=3, beside="cpu"
    )
    assert chat.engine.options[1] == AnswerOptions(7, 0.5, 0.9, 0, 1.1, 3, True, "cpu")


def test_a_stop_text_ends_the_answer_and_the_engine(tmp_path: Path) -> None:
    chat = Chat(tmp_path, Scripted(("It ri", "ses. Th", "en"), is_endless=True))
    tree = chat.post(stop=[". Then", "never"]).json()
    assert tree["choices"][0]["message"]["content"] == "It rises"
    assert chat.engine.stopped == [1]
    text = "".join(
        each["choices"][0]["delta"].get("content", "") for each in chat.events(stop=". Then") if each != "[DONE]"
    )
    assert text == "It rises"


@pytest.mark.parametrize(
    ("text", "is_done", "stops", "shown", "ending"),
    [
        ("one two", False, [], "one two", None),
        ("one two", True, [], "one two", "stop"),
        ("one E", False, ["END"], "one ", None),
        ("one E", True, ["END"], "one E", "stop"),
        ("one ENDless", False, ["END"], "one ", "stop"),
        ("a b c", False, ["c", "b"], "a ", "stop"),
        ("x\n", False, ["\n\n"], "x", None),
        ("", False, ["END"], "", None),
    ],
)
def test_what_may_become_a_stop_text_is_held_back(
    text: str, is_done: bool, stops: list[str], shown: str, ending: str | None
) -> None:
    found = grown(Answer(0, text, is_done), stops)
    assert (found.text, found.ending) == (shown, ending)


# -- models ------------------------------------------------------------------------------------------------------------


def test_models_are_the_loaded_one_results_and_bases_that_are_here(chat: Chat) -> None:
    chat.engine.held = Slot("chat", "runs/x/adapter", 5)
    listed = chat.client.get("/v1/models").json()
    assert listed["object"] == "list"
    assert [(each["id"], each["loaded"]) for each in listed["data"]] == [("runs/x/adapter", True), ("builtin", False)]
    one = chat.client.get("/v1/models/runs/x/adapter").json()
    assert (one["object"], one["owned_by"]) == ("model", "tsft")
    assert chat.client.get("/v1/models/ChatTS-8B").json()["error"]["code"] == "model_not_found"


def test_a_model_that_would_have_to_be_fetched_is_not(chat: Chat) -> None:
    error = chat.error(404, model="ChatTS-8B")
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert chat.error(404, model="default")["code"] == "model_not_found"
    assert chat.engine.configs == []
    chat.engine.held = Slot("chat", "builtin", 5)
    assert chat.post(model="default").json()["model"] == "builtin"


def test_a_folder_outside_of_the_workspace_is_no_model(chat: Chat, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "model"
    own = chat.record.workspace.models / "mine"
    for folder in (outside, own):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    around = f"../{outside.parent.name}/model"
    for name in (str(outside), around, "/"):
        assert chat.error(404, model=name)["code"] == "model_not_found"
    assert chat.engine.configs == []
    assert chat.post(model="mine").status_code == 200


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_everything_that_cannot_be_honoured_is_told_at_once(chat: Chat) -> None:
    wanted = {"tools": [{"type": "function"}], "n": 2, "logprobs": True, "presence_penalty": 0.5, "min_p": 0.1}
    error = chat.error(400, **wanted)
    assert error["type"] == "invalid_request_error" and error["param"] == "tools"
    assert all(f"{name}: " in error["message"] for name in wanted)
    assert chat.engine.questions == []


def test_what_asks_for_nothing_or_is_for_the_clients_books_is_taken(chat: Chat) -> None:
    neutral = {"tools": [], "n": 1, "logprobs": False, "presence_penalty": 0, "response_format": {"type": "text"}}
    books = {"user": "u-1", "metadata": {"a": "b"}, "store": True, "logit_bias": None, "service_tier": "auto"}
    assert chat.post(**neutral, **books).status_code == 200


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "messages.0.content.0"),
        (
            {"messages": [{"role": "user", "content": [{"type": "timeseries", "timeseries": [[1, None]]}]}]},
            "messages.0.content.0.timeseries.0.1",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "timeseries", "timeseries": ["1.5"]}]}]},
            "messages.0.content.0.timeseries.0.0",
        ),
        ({"temperature": -1}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"beside": "never"}, "beside"),
        ({"stop": ["x"] * 17}, "stop"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(chat: Chat, more: dict, param: str) -> None:
    assert chat.error(400, **more)["param"] == param
    assert chat.engine.questions == []


def test_sentences_are_in_the_callers_language(chat: Chat) -> None:
    answer = chat.post(n=2, headers={"Accept-Language": "zh-CN"})
    assert any("\u4e00" <= letter <= "\u9fff" for letter in answer.json()["error"]["message"])


def test_what_is_not_there_and_what_is_no_json_have_the_form_too(chat: Chat) -> None:
    for path in ("/v1/completions", "/v1/nothing"):
        assert chat.client.post(path, json={}).json()["error"]["type"] == "invalid_request_error"
    wrong = chat.client.post("/v1/chat/completions", content=b"{", headers={"Content-Type": "application/json"})
    assert (wrong.status_code, wrong.json()["error"]["key"]) == (400, "api.not_json")


@pytest.mark.parametrize(
    ("key", "status", "kind"),
    [
        ("engine.answering", 429, "rate_limit_error"),
        ("engine.busy", 503, "server_error"),
        ("engine.closing", 503, "server_error"),
    ],
)
def test_a_busy_engine_says_so_and_when_to_come_back(chat: Chat, key: str, status: int, kind: str) -> None:
    values = {"model": "m", "done": 0, "total": 1, "name": "r", "step": 1, "steps": 2}
    chat.engine.refuses_with = UserError(message(key, **values))
    answer = chat.post()
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_model_that_fails_is_an_error_before_a_stream_and_an_event_in_it(tmp_path: Path) -> None:
    chat = Chat(tmp_path, Scripted(()))
    chat.engine.fails_with = Problem("", message("restore.no_folder", path="runs/x"))
    assert chat.post(stream=True).json()["error"]["key"] == "restore.no_folder"
    chat.engine.pieces = ("It ",)
    *chunks, error = chat.events()
    assert chunks[1]["choices"][0]["delta"]["content"] == "It "
    assert error["error"]["key"] == "restore.no_folder"


def test_a_bug_is_told_without_its_inside(tmp_path: Path) -> None:
    class Broken(Scripted):
        def answer(self, *given: Any, **more: Any) -> int:
            raise ZeroDivisionError("secret inside")

    answer = Chat(tmp_path, Broken()).post()
    assert (answer.status_code, answer.json()["error"]["key"]) == (500, "api.bug")
    assert "secret inside" not in answer.text


# -- the login ---------------------------------------------------------------------------------------------------------


def test_the_key_of_a_client_is_a_password_of_the_login(tmp_path: Path) -> None:
    chat = Chat(tmp_path, Scripted(), Door(ACCOUNTS, lambda: 0.0))
    stranger = chat.post()
    assert (stranger.status_code, stranger.json()["error"]["code"]) == (401, "invalid_api_key")
    assert chat.client.get("/v1/models").status_code == 401
    assert chat.client.get("/v1/nothing").status_code == 401
    assert chat.post(headers={"Authorization": "Bearer staple-staple"}).status_code == 200
    for _ in range(FREE_TRIES + 1):
        assert chat.post(headers={"Authorization": "Bearer sk-guess"}).status_code == 401
    assert chat.post(headers={"Authorization": "Bearer sk-guess"}).status_code == 429


def test_a_foreign_page_asks_nothing_in_anybodys_name(chat: Chat) -> None:
    assert chat.post(headers={"Origin": "http://evil.example"}).json()["error"]["type"] == "permission_error"


# -- callers who hang up -----------------------------------------------------------------------------------------------


async def hang_up(
    application: FastAPI, has_spoken: Callable[[], bool], wanted: dict, *, refuses: bool = False
) -> list[Any]:
    """What is sent to a caller who is gone as soon as the engine has spoken; refuses: nothing can be sent at all."""
    body = json.dumps(wanted).encode()
    sent: list[Any] = []
    is_read = False

    async def receive() -> dict[str, Any]:
        nonlocal is_read
        if not is_read:
            is_read = True
            return {"type": "http.request", "body": body, "more_body": False}
        while not has_spoken():
            await asyncio.sleep(0.01)
        return {"type": "http.disconnect"}

    async def send(told: Any) -> None:
        if refuses:
            raise OSError("gone")
        sent.append(told)

    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), (b"host", b"h")]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/v1/chat/completions",
        "raw_path": b"/v1/chat/completions",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 7860),
        "scheme": "http",
    }
    await asyncio.wait_for(application(scope, receive, send), 30)
    return sent


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("pieces", [(), PIECES])
def test_a_caller_who_hangs_up_ends_the_answer(tmp_path: Path, stream: bool, pieces: tuple[str, ...]) -> None:
    chat = Chat(tmp_path, Scripted(pieces, is_endless=True))
    asyncio.run(hang_up(chat.application, chat.engine.has_spoken.is_set, {**ASK, "stream": stream}))
    assert chat.engine.stopped == [1]


class Chatty(Scripted):
    """Says something new every few milliseconds until it is stopped, at most `most` times."""

    most = 400

    def _speak(self, number: int, tell: Tell) -> None:
        pause, text = threading.Event(), ""
        for count in range(1, self.most):
            if self.stopped:
                return
            text += "x"
            tell(Answer(0, text, tokens=count))
            self.has_spoken.set()
            pause.wait(0.005)
        tell(Answer(0, text, True, tokens=self.most))


def test_a_caller_who_hangs_up_on_a_whole_answer_ends_it_also_where_the_model_is_fast(tmp_path: Path) -> None:
    chat = Chat(tmp_path, Chatty())
    sent = asyncio.run(hang_up(chat.application, chat.engine.has_spoken.is_set, ASK))
    assert [each["status"] for each in sent if "status" in each] == [499]


def test_a_stream_that_nobody_began_to_read_leaves_the_turn(tmp_path: Path) -> None:
    chat = Chat(tmp_path, Scripted(("It ",), is_endless=True))
    with pytest.raises(OSError):
        asyncio.run(hang_up(chat.application, lambda: False, {**ASK, "stream": True}, refuses=True))
    assert chat.engine.stopped == [1]


def test_of_many_wrong_values_in_a_series_one_is_told(chat: Chat) -> None:
    error = chat.error(400, timeseries=[[None] * 1000, [None] * 1000])
    assert error["param"] == "timeseries.0.0" and "timeseries.0.1" not in error["message"]


def test_requests_take_turns_and_too_many_are_told_to_come_back(tmp_path: Path) -> None:
    chat = Chat(tmp_path, Scripted(is_endless=True))
    is_over = threading.Event()

    async def crowd() -> list[list[Any]]:
        calls = [hang_up(chat.application, is_over.is_set, ASK) for _ in range(MOST_WAITING + 3)]
        tasks = [asyncio.create_task(each) for each in calls]
        while not chat.engine.has_spoken.is_set() or sum(task.done() for task in tasks) < 2:
            await asyncio.sleep(0.01)
        assert len(chat.engine.questions) == 1
        is_over.set()
        return list(await asyncio.gather(*tasks))

    statuses = [sent[0]["status"] for sent in asyncio.run(crowd()) if sent]
    assert statuses.count(429) == 2
