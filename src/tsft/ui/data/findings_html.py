"""What the doctor found as HTML: counts, each finding with its rows, its fixes and its waiver. All text is escaped."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tsft.data.checks.diagnosis import Diagnosis
from tsft.data.checks.findings import ERROR, LEVELS, NOTE, WARNING, DoctorReport, Finding, fix_help, fix_label
from tsft.data.fixes.derive import Derived
from tsft.i18n import say, translate
from tsft.ui.data.row_source import Example

# The class of a level's pill: those of a run's status.
PILLS = {ERROR: "failed", WARNING: "stopped", NOTE: ""}
# Kinds that mean the same to a person share what is said of them; any other has a sentence of its own.
MEANINGS = {
    **dict.fromkeys(("value_nan", "value_null", "value_infinite", "value_text", "value_type"), "values"),
    **dict.fromkeys(("placeholder_count", "stray_token", "answer_has_series", "rejected_has_series"), "placeholders"),
    **dict.fromkeys(("encoded_text", "encoded_values", "maybe_encoded"), "encoded"),
    **dict.fromkeys(
        ("series_not_list", "series_shape", "series_ragged", "not_list", "flattened", "single_list"), "nesting"
    ),
    **dict.fromkeys(
        (
            *("answer_messages", "answer_role", "pair_equal", "pair_questions_differ"),
            *("rejected_broken", "rejected_empty", "verdict"),
        ),
        "pairs",
    ),
    **dict.fromkeys(("broken_csv", "csv_cells", "broken_json", "encoding", "not_object"), "unreadable"),
    **dict.fromkeys(
        (
            *("broken_text", "empty_answer", "empty_question", "empty_text", "history_pair", "missing_column"),
            *("no_answer_turn", "not_text", "role_order", "role_unknown", "turn_field", "turn_not_object"),
            "turn_not_text",
        ),
        "turns",
    ),
    **dict.fromkeys(("constant", "single_point"), "flat"),
    **dict.fromkeys(("quoted_position", "quoted_value"), "quoted"),
    **dict.fromkeys(("duplicate", "near_duplicate"), "repeated"),
    **dict.fromkeys(("imbalance", "single_class"), "imbalance"),
}


def report_html(
    diagnosis: Diagnosis, examples: Mapping[str, Sequence[Example]], fixes: Mapping[str, str], language: str
) -> str:
    """The whole report. fixes: what is chosen for each kind, "" or absent for leaving it."""
    report = diagnosis.report
    findings = "".join(
        _finding(each, examples.get(each.kind, ()), fixes.get(each.kind, ""), language) for each in report.findings
    )
    listed = f'<ol class="findings">{findings}</ol>' if findings else ""
    facts = f'data-name="{escape(report.name)}" data-ready="{int(report.is_ready)}"'
    return f'<div class="doctor" {facts}>{_verdict(report, language)}{listed}</div>'


def not_checked_html(language: str) -> str:
    return f'<p class="quiet">{escape(translate(language, "page.data.check.never"))}</p>'


def derived_html(derived: Derived, name: str, language: str) -> str:
    """What became of the rows in a repaired copy, and what it is called."""
    (step,) = derived.provenance.steps
    counts = {"rows_in": step.rows_in, "rows_out": step.rows_out, "changed": step.changed}
    lines = [translate(language, "data.doctor.fixed", dataset=derived.provenance.parents[0].name, **counts)]
    if step.options["unreadable"]:
        lines.append(translate(language, "data.doctor.unreadable", count=step.options["unreadable"]))
    lines.append(translate(language, "page.data.check.copied", name=name))
    told = "".join(f"<p>{escape(line)}</p>" for line in lines)
    rows = "".join(_fixed(step.options, kind, fix, language) for kind, fix in step.options["fixes"].items())
    table = f'<table class="facts">{rows}</table>' if rows else ""
    return f'<div class="box good" role="status" data-copy="{escape(name)}">{told}{table}</div>'


def _fixed(options: Mapping[str, Any], kind: str, fix: str, language: str) -> str:
    """What one fix did; "" where no row needed it."""
    changed, left_out = (options[name].get(kind, 0) for name in ("changed", "left_out"))
    if not changed and not left_out:
        return ""
    title = translate(language, f"data.finding.{kind}")
    told = translate(language, "data.doctor.fixed_kind", title=title, changed=changed, left_out=left_out)
    return f"<tr><td>{escape(say(language, fix_label(fix)))}</td><td>{escape(told)}</td></tr>"


def level_pill(level: str, language: str, is_waived: bool = False) -> str:
    word = translate(language, "page.data.check.waived" if is_waived else f"page.data.check.level.{level}")
    css = "" if is_waived else PILLS[level]
    return f'<span class="pill {css}">{escape(word)}</span>'


def _verdict(report: DoctorReport, language: str) -> str:
    """What the counts come to, first of all for training."""

    def line(key: str, **values: Any) -> str:
        return translate(language, f"page.data.check.{key}", **values)

    bad = report.rows_read - report.rows_good
    rows = translate(language, "data.doctor.rows", dataset=report.name, read=report.rows_read, good=report.rows_good)
    lines = [rows]
    if bad:
        lines.append(line("blocked", count=bad))
    waiting = [each for each in report.of_level(WARNING) if not each.is_waived]
    if waiting:
        lines.append(line("warned", count=len(waiting)))
    if report.is_ready:
        lines.append(translate(language, "data.doctor.ready", dataset=report.name))
    quiet = [say(language, each) for each in report.file_notes]
    quiet.append(line("deep" if report.is_deep else "quick"))
    if report.validation:
        quiet.append(line("against_was", names=", ".join(report.validation)))
    if report.tokens_counted:
        told = {"count": report.tokens_counted, "cutoff": report.cutoff_length, "model": report.model or "?"}
        quiet.append(line("measured", **told))
    css = "bad" if bad or not report.rows_good else "calm" if waiting else "good"
    counted = [
        line("level_count", level=line(f"level.{level}"), count=len(found))
        for level in LEVELS
        if (found := report.of_level(level))
    ]
    head = f"<p><strong>{escape(' · '.join(counted))}</strong></p>" if counted else ""
    told_lines = "".join(f"<p>{escape(each)}</p>" for each in lines)
    small = "".join(f'<p class="quiet">{escape(each)}</p>' for each in quiet)
    return f'<div class="box {css}" role="status">{head}{told_lines}{small}</div>'


def _finding(finding: Finding, examples: Sequence[Example], chosen: str, language: str) -> str:
    kind, title = escape(finding.kind), escape(say(language, finding.title))
    means = escape(translate(language, f"page.data.check.means.{MEANINGS.get(finding.kind, finding.kind)}"))
    count = escape(translate(language, "page.data.check.count", count=f"{finding.count:,}"))
    head = (
        f'<div class="finding-head">{level_pill(finding.level, language, finding.is_waived)}<h4>{title}</h4>'
        f'<span class="count">{count}</span>{_waiver(finding, language)}</div><p class="means">{means}</p>'
    )
    rows = "".join(_example(each, language) for each in examples)
    show_all = escape(translate(language, "page.data.check.show_all", count=f"{finding.count:,}"))
    button = f'<button type="button" class="tool" data-show="{kind}">{show_all}</button>'
    side = f'<div class="finding-fix">{_fixes(finding, chosen, language)}{button}</div>'
    css = f"finding {finding.level}{' waived' if finding.is_waived else ''}"
    return f'<li class="{css}" data-kind="{kind}">{head}<ul class="examples">{rows}</ul>{side}</li>'


def _waiver(finding: Finding, language: str) -> str:
    if finding.level != WARNING:
        return ""
    does = "unwaive" if finding.is_waived else "waive"
    label, about = (escape(translate(language, f"page.data.check.{key}")) for key in (does, f"{does}_help"))
    return f'<button type="button" class="tool" data-{does}="{escape(finding.kind)}" title="{about}">{label}</button>'


def _example(example: Example, language: str) -> str:
    problem = example.problem
    row = escape(translate(language, "page.preview.row", row=problem.row))
    words = f"<span><b>{row}</b> {escape(say(language, problem.reason))}</span>"
    if example.index is None:
        return f"<li>{example.picture}{words}</li>"
    about = escape(translate(language, "page.data.check.open_row", row=problem.row))
    opens = f'data-row="{example.index}" title="{about}"'
    return f'<li><button type="button" class="example" {opens}>{example.picture}{words}</button></li>'


def _fixes(finding: Finding, chosen: str, language: str) -> str:
    """The fixes that fit, each with what it does to a row, and leaving the rows as they are."""
    if not finding.fixes:
        return f'<p class="quiet">{escape(translate(language, "page.data.check.no_fix"))}</p>'
    leave = translate(language, "page.data.check.leave_help" + ("_error" if finding.level == ERROR else ""))
    offered = [("", translate(language, "page.data.check.leave"), leave)]
    offered += [(fix, say(language, fix_label(fix)), say(language, fix_help(fix))) for fix in finding.fixes]
    options, help_now = [], leave
    for fix, label, about in offered:
        marked = " selected" if fix == chosen else ""
        help_now = about if fix == chosen else help_now
        options.append(f'<option value="{fix}" data-help="{escape(about)}"{marked}>{escape(label)}</option>')
    label = escape(translate(language, "page.data.check.fix"))
    name = escape(f"{translate(language, 'page.data.check.fix')}: {say(language, finding.title)}")
    select = f'<select data-fix="{escape(finding.kind)}" aria-label="{name}">{"".join(options)}</select>'
    return f'<label><span>{label}</span>{select}</label><p class="fix-help">{escape(help_now)}</p>'
