"""The section of the Data tab for the doctor: a round as a job, its findings, waivers, and the repaired copy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.config.catalog import BUILTIN
from tsft.config.run_config import DataSettings
from tsft.data.checks.diagnosis import last_diagnosis
from tsft.data.fixes.derive import default_fixes
from tsft.errors import UserError
from tsft.i18n import say_all, translate
from tsft.ui import monitor
from tsft.ui.bounds import refuse_too_small
from tsft.ui.data.checkup import Asked, check_work, copy_name, fix_work, goto_of, model_choices, set_waiver
from tsft.ui.data.desk import DataDesk
from tsft.ui.data.findings_html import derived_html, not_checked_html, report_html
from tsft.ui.data.job_box import JobBox, place_job_box, refuse, watch, wire_job_box
from tsft.ui.data.jobs import DONE
from tsft.ui.data.room import DataRoom
from tsft.ui.data.row_source import examples_of, open_rows
from tsft.ui.events import BESIDE, PRIVATE, QUEUED
from tsft.ui.words import Words

DEPTHS = ("deep", "quick")
# A quick round measures about so many rows in tokens; a deep one all of them.
QUICK_TOKEN_ROWS = 2_000
# A click on a button, or a choice of a fix: said to the server as one event.
ACT = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  const { row, show, waive, unwaive } = button.dataset;
  if (row !== undefined || show || waive || unwaive) trigger('select', { row, show, waive, unwaive });
});
element.addEventListener('change', (event) => {
  const select = event.target.closest('select[data-fix]');
  if (!select) return;
  select.closest('.finding-fix').querySelector('.fix-help').textContent = select.selectedOptions[0].dataset.help;
  trigger('select', { fix: select.dataset.fix, to: select.value });
});
"""


@dataclass(frozen=True)
class DoctorSection:
    """The section's controls. fixes: what this session chose for each kind; is_open: whether it was looked at."""

    depth: Any
    against: Any
    model: Any
    cutoff: Any
    check: Any
    checking: JobBox
    said: Any
    report: Any
    repair: Any
    new_name: Any
    fix: Any
    fixing: JobBox
    copied: Any
    fixes: Any
    is_open: Any

    @property
    def shown(self) -> list[Any]:
        """What showing a dataset's diagnosis fills."""
        return [self.report, self.fixes, self.repair, self.against]


def place_doctor_section(words: Words) -> DoctorSection:
    """Lay the section out inside the open tab."""
    with gr.Row(elem_id="check-options", equal_height=False):
        depth = gr.Radio(list(DEPTHS), value=DEPTHS[0], elem_id="check-depth", min_width=220)
        words.add_made(depth, _depth_words)
        against = gr.Dropdown([], value=[], multiselect=True, allow_custom_value=True, elem_id="check-against")
        words.add(against, label="page.data.check.against", info="page.data.check.against_help")
        model = gr.Dropdown([BUILTIN], value=BUILTIN, allow_custom_value=True, elem_id="check-model")
        words.add(model, label="page.data.check.model", info="page.data.check.model_help")
        cutoff = gr.Number(DataSettings().cutoff_length, precision=0, elem_id="check-cutoff", min_width=120)
        words.add(cutoff, label="page.data.check.cutoff")
        check = gr.Button(variant="primary", size="md", elem_id="check-start", scale=0, min_width=140)
        words.add(check, value="page.data.check.start")
    checking = place_job_box(words, "check")
    said = gr.HTML(elem_id="check-said", apply_default_css=False)
    copied = gr.HTML(elem_id="check-copied", apply_default_css=False)
    report = gr.HTML(elem_id="check-report", apply_default_css=False, js_on_load=ACT)
    with gr.Row(visible=False, elem_id="check-repair", equal_height=False) as repair:
        new_name = gr.Textbox(max_lines=1, elem_id="check-name", min_width=220)
        words.add(new_name, label="page.data.check.name", placeholder="page.data.check.name_hint")
        fix = gr.Button(size="md", elem_id="check-fix", scale=0, min_width=220)
        words.add(fix, value="page.data.check.write")
    fixing = place_job_box(words, "fix")
    kept = (gr.State({}), gr.State(False))
    return DoctorSection(
        depth, against, model, cutoff, check, checking, said, report, repair, new_name, fix, fixing, copied, *kept
    )


def wire_doctor_section(section: DoctorSection, desk: DataDesk, who: Callable[[gr.Request], str]) -> None:
    """What its controls do."""
    _wire_check(section, desk)
    _wire_findings(section, desk, who)
    _wire_fix(section, desk, who)


def shown_diagnosis(room: DataRoom, name: str | None, fixes: Mapping[str, str] | None, language: str) -> list[Any]:
    """Updates for `DoctorSection.shown`. fixes: None for the best of each finding."""
    others = [each for each in room.usable() if each != name]
    if not name:
        return ["", {}, gr.update(visible=False), gr.update(choices=others, value=[])]
    try:
        diagnosis = last_diagnosis(name, room.folders, room.cache)
        if diagnosis is None:
            return [not_checked_html(language), {}, gr.update(visible=False), gr.update(choices=others, value=[])]
        examples = examples_of(diagnosis, open_rows(room, name), language)
    except UserError as error:
        refused = monitor.said(say_all(language, error), is_bad=True)
        return [refused, {}, gr.update(visible=False), gr.update(choices=others, value=[])]
    chosen = default_fixes(diagnosis) if fixes is None else dict(fixes)
    is_fixable = any(each.fixes for each in diagnosis.report.findings)
    against = gr.update(choices=others, value=[each for each in diagnosis.report.validation if each in others])
    return [report_html(diagnosis, examples, chosen, language), chosen, gr.update(visible=is_fixable), against]


def _depth_words(language: str) -> dict[str, Any]:
    choices = [(translate(language, f"page.data.check.depth.{each}"), each) for each in DEPTHS]
    return {"label": translate(language, "page.data.check.depth"), "choices": choices}


def _wire_check(section: DoctorSection, desk: DataDesk) -> None:
    room, language = desk.room, desk.language
    wire_job_box(section.checking, room.jobs, language)

    def check(
        name: str | None, depth: str, against: Sequence[str], model: str, cutoff: float | None, language: str
    ) -> list[Any]:
        if not name:
            return refuse(monitor.said(translate(language, "page.data.check.no_dataset"), is_bad=True))
        is_deep = depth != "quick"
        others = tuple(each for each in against or () if each != name)
        rows = 0 if is_deep else QUICK_TOKEN_ROWS
        asked = Asked(is_deep, others, model or "", int(cutoff or 0), rows if model else 0)
        try:
            refuse_too_small(language, ("page.data.check.cutoff", cutoff, 0))
            return watch(room.jobs.begin("check", name, check_work(room, name, asked), asked), language)
        except UserError as error:
            return refuse(monitor.said(say_all(language, error), is_bad=True))

    def ended(number: int, name: str | None, language: str) -> list[Any]:
        job = room.jobs.get(int(number))
        if job is None or job.state != DONE or job.name != name:
            return [gr.skip()] * len(section.shown)
        return shown_diagnosis(room, name, None, language)

    def opened(name: str | None, language: str) -> list[Any]:
        job = room.jobs.going("check")
        going = watch(job, language) if job is not None and job.name == name else [gr.skip()] * 4
        models = gr.update(choices=model_choices(room, language))
        return [True, models, *shown_diagnosis(room, name, None, language), *going]

    def changed(is_open: bool, name: str | None, language: str) -> list[Any]:
        return shown_diagnosis(room, name, None, language) if is_open else [gr.skip()] * len(section.shown)

    def relabel(is_open: bool, name: str | None, fixes: dict[str, str], language: str) -> list[Any]:
        if not is_open:
            return [gr.skip()] * (len(section.shown) + 1)
        models = gr.update(choices=model_choices(room, language))
        return [models, *shown_diagnosis(room, name, fixes, language)]

    options = [section.depth, section.against, section.model, section.cutoff]
    section.check.click(lambda: ["", ""], None, [section.said, section.copied], **PRIVATE)
    section.check.click(check, [desk.which, *options, language], section.checking.watching, **PRIVATE)
    section.checking.ended.change(ended, [section.checking.ended, desk.which, language], section.shown, **QUEUED)
    filled = [section.is_open, section.model, *section.shown, *section.checking.watching]
    desk.section["check"].select(opened, [desk.which, language], filled, concurrency_limit=4, **QUEUED)
    desk.which.change(changed, [section.is_open, desk.which, language], section.shown, **BESIDE)
    asked = [section.is_open, desk.which, section.fixes, language]
    desk.relabel["check"].click(relabel, asked, [section.model, *section.shown], **PRIVATE)


def _wire_findings(section: DoctorSection, desk: DataDesk, who: Callable[[gr.Request], str]) -> None:
    room, language = desk.room, desk.language

    def act(
        name: str | None, fixes: dict[str, str], language: str, event: gr.EventData, request: gr.Request
    ) -> list[Any]:
        asked: Mapping[str, Any] = event._data or {}
        report, goto, sections = gr.skip(), gr.skip(), gr.skip()
        if asked.get("fix"):
            fixes = {**fixes, str(asked["fix"]): str(asked.get("to") or "")}
        elif asked.get("waive") or asked.get("unwaive"):
            try:
                set_waiver(room, name or "", asked, who(request))
            except UserError as error:  # the dataset went away meanwhile
                return [monitor.said(say_all(language, error), is_bad=True), {}, gr.skip(), gr.skip()]
            report, fixes, *_ = shown_diagnosis(room, name, fixes, language)
        else:
            goto, sections = _way(room, name, asked, desk)
        return [report, fixes, goto, sections]

    # Through the queue, or `goto` does not say that it changed (see `job_box.py`); and one at a time, or of two choices
    # that follow each other at once one is forgotten.
    filled = [section.report, section.fixes, desk.goto, desk.sections]
    section.report.select(act, [desk.which, section.fixes, language], filled, concurrency_limit=1, **QUEUED)


def _way(room: DataRoom, name: str | None, asked: Mapping[str, Any], desk: DataDesk) -> tuple[Any, Any]:
    """Updates for `goto` and the sections; the viewer itself says so where the dataset is gone."""
    try:
        goto = goto_of(room, name or "", asked)
    except UserError:
        goto = None
    return (gr.skip() if goto is None else goto), desk.open("rows")


def _wire_fix(section: DoctorSection, desk: DataDesk, who: Callable[[gr.Request], str]) -> None:
    room, language = desk.room, desk.language
    wire_job_box(section.fixing, room.jobs, language)

    def fix(name: str | None, fixes: dict[str, str], new_name: str, language: str, request: gr.Request) -> list[Any]:
        wanted = {kind: fix for kind, fix in fixes.items() if fix}
        try:
            diagnosis = last_diagnosis(name or "", room.folders, room.cache)
            if diagnosis is None or not wanted:
                key = "nothing_chosen" if diagnosis is not None else "never"
                return refuse(monitor.said(translate(language, f"page.data.check.{key}"), is_bad=True))
            work = fix_work(room, name or "", wanted, new_name.strip(), Asked.of(diagnosis), who(request))
            return watch(room.jobs.begin("fix", name or "", work, (wanted, new_name)), language)
        except UserError as error:
            return refuse(monitor.said(say_all(language, error), is_bad=True))

    def ended(number: int, language: str) -> list[Any]:
        job = room.jobs.get(int(number))
        if job is None or job.state != DONE:
            return [gr.skip()] * 3
        return [
            derived_html(job.result, copy_name(room, job.result), language),
            desk.offer(copy_name(room, job.result)),
            "",
        ]

    def relabel(number: int, language: str) -> Any:
        job = room.jobs.get(int(number))
        if job is None or job.state != DONE:
            return gr.skip()
        return derived_html(job.result, copy_name(room, job.result), language)

    section.fix.click(lambda: "", None, section.copied, **PRIVATE)
    asked = [desk.which, section.fixes, section.new_name, language]
    # Behind the choice of a fix, which is on its way through the queue where the click follows at once.
    section.fix.click(fix, asked, section.fixing.watching, concurrency_limit=None, **QUEUED)
    done = [section.copied, desk.which, section.new_name]
    section.fixing.ended.change(ended, [section.fixing.ended, language], done, **PRIVATE)
    desk.which.input(lambda: "", None, section.copied, **PRIVATE)
    desk.relabel["check"].click(relabel, [section.fixing.ended, language], section.copied, **PRIVATE)
