"""A job's progress bar with its Stop button; the clock goes only while the job does."""

from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from tsft.i18n import say, translate
from tsft.ui import monitor
from tsft.ui.data.jobs import FAILED, RUNNING, STOPPED, Job, Jobs
from tsft.ui.events import PRIVATE
from tsft.ui.words import Words

SECONDS = 0.5


@dataclass(frozen=True)
class JobBox:
    """number: the job that this session watches, 0 for none. ended: its number once it has ended, however it did."""

    bar: Any
    stop: Any
    timer: Any
    number: Any
    ended: Any

    @property
    def watching(self) -> list[Any]:
        """What `watch` fills: put it last among the outputs of the handler that begins a job."""
        return [self.number, self.timer, self.bar, self.stop]


def place_job_box(words: Words, name: str) -> JobBox:
    """The bar and the button, both hidden while there is nothing to tell."""
    with gr.Row(elem_classes=["gap-small", "job"], equal_height=False):
        bar = gr.HTML(elem_id=f"{name}-progress", elem_classes=["progress-box"], apply_default_css=False)
        stop = gr.Button(size="md", visible=False, elem_id=f"{name}-stop", scale=0, min_width=100)
        words.add(stop, value="page.data.stop")
    # Not a state: the tick is not queued, and only a queued answer tells the browser that a state has changed.
    ended = gr.Number(0, visible="hidden", elem_id=f"{name}-ended")
    return JobBox(bar, stop, gr.Timer(SECONDS, active=False), gr.State(0), ended)


def watch(job: Job, language: str) -> list[Any]:
    """Updates for `JobBox.watching` when a job was begun or found going on."""
    return [job.number, gr.Timer(SECONDS, active=True), bar_html(job, language), gr.update(visible=True)]


def refuse(html: str) -> list[Any]:
    """Updates for `JobBox.watching` when none could be begun: why, as `monitor.said` gives it."""
    return [0, gr.Timer(active=False), html, gr.update(visible=False)]


def wire_job_box(box: JobBox, jobs: Jobs, language: Any) -> None:
    """The clock and the button. What is to follow a job listens to `box.ended.change`."""

    def tick(number: int, chosen_language: str) -> list[Any]:
        job = jobs.get(int(number))
        if job is None:
            return ["", gr.update(visible=False), gr.Timer(active=False), 0]
        is_over = job.state != RUNNING
        ended = job.number if is_over else gr.skip()
        timer = gr.Timer(active=False) if is_over else gr.skip()
        return [bar_html(job, chosen_language), gr.update(visible=not is_over), timer, ended]

    def stop(number: int) -> Any:
        job = jobs.get(int(number))
        if job is not None:
            job.stop.set()
        return gr.update(visible=False)

    box.timer.tick(
        tick,
        [box.number, language],
        [box.bar, box.stop, box.timer, box.ended],
        concurrency_limit=None,
        trigger_mode="once",
        **PRIVATE,
    )
    box.stop.click(stop, box.number, box.stop, **PRIVATE)


def bar_html(job: Job, language: str) -> str:
    """How far the job is; why it failed, or that it was stopped; "" when it has done what was asked."""
    if job.state == FAILED:
        return monitor.said(" ".join(say(language, each.message) for each in job.problems), is_bad=True)
    if job.state == STOPPED:
        return monitor.said(translate(language, "page.data.stopped"))
    if job.state != RUNNING:
        return ""
    told = translate(language, f"page.data.doing.{job.kind}", name=job.name, share=f"{job.share:.0%}")
    return (
        f'<div class="box calm"><p role="status">{escape(told)}</p>'
        f'<div class="bar"><i style="width:{job.share:.1%}"></i></div></div>'
    )
