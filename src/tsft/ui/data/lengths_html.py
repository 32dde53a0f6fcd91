"""How long the rows of a dataset are, in tokens and in points, as bars with the cut-off marked."""

from html import escape

from tsft.data.checks.diagnosis import Diagnosis
from tsft.data.checks.facts import Histogram
from tsft.i18n import translate

WIDTH, HEIGHT = 600, 70
NAMES = ("tokens", "points")


def lengths_html(diagnosis: Diagnosis, language: str) -> str:
    """Both histograms; the one of tokens says so where no row was measured."""
    report = diagnosis.report
    figures = []
    for name in NAMES:
        cutoff = report.cutoff_length if name == "tokens" else 0
        histogram = diagnosis.facts.histogram(name, cutoff)
        values = diagnosis.facts.column(name)
        values = values[values >= 0]
        if not len(values):
            told = escape(translate(language, f"page.data.rows.lengths.no_{name}"))
            figures.append(f'<p class="quiet">{told}</p>')
        else:
            figures.append(_figure(name, histogram, (int(values.min()), int(values.max())), language))
    return f'<div class="ready row-lengths">{"".join(figures)}</div>'


def _figure(name: str, histogram: Histogram, ends: tuple[int, int], language: str) -> str:
    last = histogram.edges[-1]
    # A cut-off far above every row would press all bars against the edge.
    shows_line = 0 < histogram.cutoff <= 4 * last
    right = max(last, histogram.cutoff if shows_line else 0) * 1.02 or 1.0
    highest = max(histogram.counts)
    shapes = []
    for begin, end, count in zip(histogram.edges, histogram.edges[1:], histogram.counts, strict=False):
        x, width = WIDTH * begin / right, max(1.5, WIDTH * (end - begin) / right - 1)
        height = max(1.0, HEIGHT * count / highest) if count else 0.0
        css = ' class="above"' if 0 < histogram.cutoff < begin else ""
        title = f"<title>{begin:.0f}–{end:.0f}: {count:,}</title>"
        place = f'x="{x:.1f}" y="{HEIGHT - height:.1f}" width="{width:.1f}" height="{height:.1f}"'
        shapes.append(f"<rect{css} {place}>{title}</rect>")
    if shows_line:
        at = WIDTH * histogram.cutoff / right
        shapes.append(f'<line class="cutoff" x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{HEIGHT}"/>')
    told = {"rows": f"{sum(histogram.counts):,}", "shortest": f"{ends[0]:,}", "longest": f"{ends[1]:,}"}
    lines = [translate(language, f"page.data.rows.lengths.{name}", **told)]
    if histogram.cutoff:
        above = {"cutoff": f"{histogram.cutoff:,}", "above": f"{histogram.above:,}"}
        lines.append(translate(language, "page.data.rows.lengths.above", **above))
    if name == "tokens" and histogram.unknown:
        lines.append(translate(language, "page.data.rows.lengths.unknown", count=f"{histogram.unknown:,}"))
    caption = escape(" ".join(lines))
    return (
        f'<figure class="lengths" data-lengths="{name}"><svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" '
        f'role="img" aria-label="{caption}">{"".join(shapes)}</svg><figcaption>{caption}</figcaption></figure>'
    )
