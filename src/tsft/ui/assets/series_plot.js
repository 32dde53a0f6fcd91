// One series on its axes: a curve with gaps, thinned to what the screen shows, the patches and marks under it.
// How it is moved, zoomed and read is in `series.js`.
(() => {
  if (!window.tsft || window.tsft.SeriesPlot) return;
  const { Plot } = window.tsft;
  const SVG = "http://www.w3.org/2000/svg";
  const HEIGHT = 132;
  const PER_PIXEL = 2; // more points than that nobody sees
  const LABEL_ROWS = 2;
  const HEAT = 12;
  const PATCH_PIXELS = 5; // narrower patches would be a grey area

  const draw = (parent, name, attributes = {}) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    parent.append(element);
    return element;
  };
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

  // Where in the ascending list `x` the first entry >= `at` is.
  const place = (x, at) => {
    let low = 0, high = x.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (x[middle] < at) low = middle + 1; else high = middle;
    }
    return low;
  };

  // The curve between two points, with the lowest and the highest of each stretch; NaN parts its pieces.
  const thinned = ({ x, y }, [from, to], most) => {
    const first = Math.max(0, place(x, from) - 1), last = Math.min(x.length - 1, place(x, to));
    const size = Math.max(1, Math.ceil((2 * (last - first + 1)) / Math.max(8, most)));
    const [xs, ys] = [[], []];
    const put = (index) => { xs.push(x[index]); ys.push(y[index]); };
    const flush = (low, high) => { if (low >= 0) { put(Math.min(low, high)); if (low !== high) put(Math.max(low, high)); } };
    let low = -1, high = -1, taken = 0;
    for (let index = first; index <= last; index++) {
      if (y[index] === null) {
        flush(low, high);
        xs.push(x[index]); ys.push(NaN);
        low = high = -1; taken = 0;
        continue;
      }
      if (low < 0 || y[index] < y[low]) low = index;
      if (high < 0 || y[index] >= y[high]) high = index;
      if (++taken >= size) { flush(low, high); low = high = -1; taken = 0; }
    }
    flush(low, high);
    return { x: xs, y: ys };
  };

  class SeriesPlot extends Plot {
    // series: {length, y, x?, patch, marks}; a missing value is null, x is there where points were thinned out before.
    constructor(parent, series) {
      super(parent, series.height || HEIGHT);
      this.series = series;
      this.x = series.x || Array.from(series.y, (_, index) => index);
      this.under = draw(this.svg, "g", { class: "marks" });
      this.svg.insertBefore(this.under, this.body);
    }

    // A point between two gaps is a little cross: a line of one point is nothing.
    pathOf({ x, y }) {
      let path = "";
      for (let i = 0; i < x.length; i++) {
        if (Number.isNaN(y[i])) continue;
        const begins = i === 0 || Number.isNaN(y[i - 1]);
        path += `${begins ? "M" : "L"}${this.toX(x[i]).toFixed(1)} ${this.toY(y[i]).toFixed(1)}`;
        if (begins && (i === x.length - 1 || Number.isNaN(y[i + 1]))) path += "m-2 0h4m-2 -2v4";
      }
      return path;
    }

    // Everything between two points; returns how many points were drawn, 0 while there is no room.
    drawSeries(range) {
      const width = this.svg.clientWidth;
      if (!width) return 0;
      const curve = thinned({ x: this.x, y: this.series.y }, range, PER_PIXEL * width);
      this.draw([{ id: "line", css: "series-line", ...curve }], { range, isLog: false, axis: "step" });
      this.drawUnder(range);
      return curve.x.length;
    }

    // The value at a point: null where there is none, undefined where it was thinned out.
    valueAt(at) {
      const index = place(this.x, at);
      return this.x[index] === at ? this.series.y[index] : undefined;
    }

    drawUnder([x0, x1]) {
      const { series } = this;
      const { x, y, w, h } = this.inner;
      this.under.replaceChildren();
      this.dots.replaceChildren();
      if (series.patch && (w * series.patch) / (x1 - x0 || 1) >= PATCH_PIXELS) {
        for (let at = Math.ceil(Math.max(1, x0) / series.patch) * series.patch; at <= x1; at += series.patch) {
          // A patch begins between its first point and the one before.
          const line = this.toX(at - 0.5);
          draw(this.under, "line", { class: "patch", x1: line, x2: line, y1: y, y2: y + h });
        }
      }
      this.drawGaps([x0, x1]);
      this.drawHeat([x0, x1]);
      if (series.y.length === 1 && series.y[0] !== null) draw(this.dots, "circle", { class: "lone", cx: this.toX(0), cy: this.toY(series.y[0]), r: 3 });
      const ends = Array(LABEL_ROWS).fill(-Infinity);
      for (const mark of series.marks) {
        if (mark.last < x0 || mark.first > x1) continue;
        const from = clamp(this.toX(mark.first), x, x + w), to = clamp(this.toX(mark.last), x, x + w);
        const isPoint = mark.first === mark.last;
        const css = `mark ${mark.css}`;
        draw(this.under, "rect", { class: css + (isPoint ? " point" : ""), x: isPoint ? from - 1 : from, y, width: isPoint ? 2 : Math.max(2, to - from), height: h });
        const value = isPoint ? this.valueAt(mark.first) : null;
        if (typeof value === "number") draw(this.dots, "circle", { class: css, cx: from, cy: this.toY(value), r: 4 });
        this.drawLabel(mark, css, from, ends);
      }
    }

    // A strip at the foot: what each patch counts for, for or against.
    drawHeat([x0, x1]) {
      const { heat } = this.series;
      if (!heat) return;
      const { x, y, w, h } = this.inner;
      heat.weights.forEach((weight, index) => {
        const first = index * heat.points - 0.5, last = first + heat.points;
        if (last < x0 || first > x1) return;
        const from = clamp(this.toX(first), x, x + w), to = clamp(this.toX(last), x, x + w);
        const css = `heat ${weight < 0 ? "against" : "for"}`;
        draw(this.under, "rect", { class: css, x: from, y: y + h - HEAT, width: Math.max(1, to - from), height: HEAT, "fill-opacity": Math.abs(weight) });
      });
      draw(this.under, "rect", { class: "heat-frame", x, y: y + h - HEAT, width: w, height: HEAT });
    }

    drawLabel(mark, css, from, ends) {
      const { x, y, w } = this.inner;
      if (!mark.label) return;
      const text = draw(this.dots, "text", { class: css + " mark-label" });
      text.textContent = mark.label;
      const width = text.getComputedTextLength();
      const at = clamp(from + 3, x, Math.max(x, x + w - width));
      const row = ends.findIndex((end) => at > end + 6);
      if (row < 0) return text.remove(); // its words are read where one points at the mark
      ends[row] = at + width;
      text.setAttribute("x", at);
      text.setAttribute("y", y + 11 + 13 * row);
    }

    drawGaps([x0, x1]) {
      const { x: xs, series } = this;
      const { x, y, w, h } = this.inner;
      let begun = -1;
      const first = place(xs, Math.floor(x0)), last = Math.min(xs.length - 1, place(xs, Math.ceil(x1)));
      for (let index = first; index <= last + 1; index++) {
        const isGap = index <= last && series.y[index] === null;
        if (isGap && begun < 0) begun = xs[index];
        if (isGap || begun < 0) continue;
        const end = xs[index - 1];
        const from = clamp(this.toX(begun - 0.5), x, x + w);
        const to = clamp(this.toX(end + 0.5), x, x + w);
        draw(this.under, "rect", { class: "gap-area", x: from, y, width: Math.max(2, to - from), height: h });
        begun = -1;
      }
    }
  }

  Object.assign(window.tsft, { SeriesPlot, placeIn: place });
})();
