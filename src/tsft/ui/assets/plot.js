// One pair of axes with its curves, drawn as SVG: scales, grid, paths, marks. What is drawn and over which range is said
// by `chart.js`. Numbers as people read them, and where a point lies, are here too.
(() => {
  window.tsft = window.tsft || { sweepers: [] };
  if (window.tsft.Plot) return;
  const SVG = "http://www.w3.org/2000/svg";
  const MARGIN = { left: 52, right: 12, top: 8, bottom: 22 };
  const DOTS = 60; // more points than that are a line, not marks

  const make = (parent, name, attributes = {}) => {
    const element = document.createElementNS(SVG, name);
    return set(parent.appendChild(element), attributes);
  };
  const set = (element, attributes) => {
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };

  class Plot {
    constructor(parent, height) {
      this.height = height;
      this.svg = make(parent, "svg", { class: "plot", height, width: "100%", "aria-hidden": "true" });
      this.grid = make(this.svg, "g", { class: "grid" });
      const id = "clip" + Math.random().toString(36).slice(2);
      this.clip = make(make(make(this.svg, "defs"), "clipPath", { id }), "rect");
      this.body = make(this.svg, "g", { "clip-path": `url(#${id})` });
      this.paths = new Map();
      this.dots = make(this.svg, "g", { class: "dots" });
      this.cross = make(this.svg, "line", { class: "cross", visibility: "hidden" });
      this.brush = make(this.svg, "rect", { class: "brush", visibility: "hidden" });
    }

    // curves: [{id, css, color, x, y, isHidden, hasDots, best, bestName}]; view: {range, isLog, axis, gaps}
    draw(curves, view) {
      const width = this.svg.clientWidth;
      if (!width) return;
      const inner = { x: MARGIN.left, y: MARGIN.top, w: width - MARGIN.left - MARGIN.right, h: this.height - MARGIN.top - MARGIN.bottom };
      this.inner = inner;
      set(this.clip, { x: inner.x - 6, y: inner.y - 6, width: Math.max(1, inner.w + 12), height: inner.h + 12 });
      const [x0, x1] = view.range;
      const shown = curves.filter((curve) => !curve.isHidden);
      const bounds = boundsOf(shown, view.range, view.isLog);
      const scale = view.isLog ? Math.log10 : (value) => value;
      const [low, high] = bounds.map(scale);
      this.toX = (at) => inner.x + ((at - x0) / (x1 - x0 || 1)) * inner.w;
      this.toY = (value) => inner.y + (1 - (scale(value) - low) / (high - low || 1)) * inner.h;
      this.drawGrid(view, bounds);
      this.drawPaths(curves, view.isLog);
      this.drawMarks(shown, view);
    }

    drawPaths(curves, isLog) {
      const unused = new Set(this.paths.keys());
      for (const curve of curves) {
        unused.delete(curve.id);
        if (!this.paths.has(curve.id)) this.paths.set(curve.id, make(this.body, "path"));
        const path = set(this.paths.get(curve.id), { class: "curve " + curve.css, d: curve.isHidden ? "" : this.pathOf(curve, isLog) });
        path.style.stroke = curve.color || "";
      }
      for (const id of unused) { this.paths.get(id).remove(); this.paths.delete(id); }
    }

    pathOf({ x, y }, isLog) {
      let path = "", pen = "M";
      for (let i = 0; i < x.length; i++) {
        if (isLog && y[i] <= 0) continue;
        path += `${pen}${this.toX(x[i]).toFixed(1)} ${this.toY(y[i]).toFixed(1)}`;
        pen = "L";
      }
      return path;
    }

    drawGrid({ range: [x0, x1], isLog, axis }, [low, high]) {
      this.grid.replaceChildren();
      const { x, y, w, h } = this.inner;
      const rows = Math.max(2, Math.floor(h / 42));
      for (const value of isLog ? logTicks(low, high, rows) : ticks(low, high, rows)) {
        const at = this.toY(value);
        if (at < y - 1 || at > y + h + 1) continue;
        make(this.grid, "line", { x1: x, x2: x + w, y1: at, y2: at });
        make(this.grid, "text", { x: x - 7, y: at + 4, "text-anchor": "end" }).textContent = read.value(value, 4);
      }
      const columns = Math.max(2, Math.floor(w / 90));
      for (const value of axis === "time" ? timeTicks(x0, x1, columns) : ticks(x0, x1, columns)) {
        if (axis !== "time" && !Number.isInteger(value)) continue;
        const at = this.toX(value);
        const anchor = at > x + w - 14 ? "end" : "middle";
        make(this.grid, "text", { x: at, y: y + h + 17, "text-anchor": anchor }).textContent = read[axis](value);
      }
    }

    drawMarks(curves, { range: [x0, x1], isLog, gaps }) {
      this.dots.replaceChildren();
      const isInside = (at) => at >= x0 && at <= x1;
      for (const at of (gaps || []).filter(isInside)) {
        make(this.dots, "text", { class: "gap", x: this.toX(at), y: this.inner.y + 12, "text-anchor": "middle" }).textContent = "×";
      }
      for (const { x, y, css, color, hasDots, best, bestName } of curves) {
        if (!hasDots) continue;
        x.forEach((at, i) => {
          const isBest = best !== null && best === i;
          if (!isInside(at) || (isLog && y[i] <= 0) || (x.length > DOTS && !isBest)) return;
          const [cx, cy] = [this.toX(at), this.toY(y[i])];
          const dot = make(this.dots, "circle", { class: css + (isBest ? " best" : ""), cx, cy, r: isBest ? 5 : 3 });
          if (color) dot.style[isBest ? "stroke" : "fill"] = color;
          if (!isBest || !bestName) return;
          const anchor = cx > this.inner.x + this.inner.w - 90 ? "end" : "start";
          const above = cy - 10 > this.inner.y + 8 ? cy - 10 : cy + 20;
          make(this.dots, "text", { class: "best-label", x: cx, y: above, "text-anchor": anchor }).textContent = `${bestName} ${read.value(y[i], 4)}`;
        });
      }
    }

    showCross(at) {
      const isShown = at !== null && this.toX && this.inner;
      this.cross.setAttribute("visibility", isShown ? "visible" : "hidden");
      if (!isShown) return;
      const x = this.toX(at);
      set(this.cross, { x1: x, x2: x, y1: this.inner.y, y2: this.inner.y + this.inner.h });
    }

    // The stretch that is being dragged over, in the axis' own unit; null hides it.
    showBrush(ends) {
      this.brush.setAttribute("visibility", ends ? "visible" : "hidden");
      if (!ends) return;
      const [a, b] = ends.map(this.toX).sort((one, other) => one - other);
      set(this.brush, { x: a, y: this.inner.y, width: b - a, height: this.inner.h });
    }
  }

  const boundsOf = (curves, [x0, x1], isLog) => {
    let low = Infinity, high = -Infinity;
    for (const { x, y } of curves) {
      for (let i = 0; i < x.length; i++) {
        if (x[i] < x0 || x[i] > x1 || (isLog && y[i] <= 0)) continue;
        if (y[i] < low) low = y[i];
        if (y[i] > high) high = y[i];
      }
    }
    if (low > high) return isLog ? [0.1, 10] : [0, 1];
    if (isLog) return [low / 1.05, high * 1.05];
    // Values that differ in their last digits only are one line: what is between them has no numbers to be told by.
    const size = Math.max(Math.abs(low), Math.abs(high));
    const room = high - low > size * 1e-9 ? (high - low) * 0.06 : size * 0.1 || 0.1;
    return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
  };

  const ticks = (low, high, count) => {
    const rough = (high - low) / count || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    return multiples(low, high, [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999));
  };

  const STRETCHES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  const timeTicks = (low, high, count) => {
    const rough = (high - low) / count;
    const stretch = STRETCHES.find((each) => each >= rough);
    return rough < 1 || !stretch ? ticks(low, high, count) : multiples(low, high, stretch);
  };

  const MOST_TICKS = 100;
  const multiples = (low, high, step) => {
    const found = [];
    const last = Math.floor(high / step + 1e-6);
    for (let place = Math.ceil(low / step); place <= last && found.length < MOST_TICKS; place++) found.push(Number((place * step).toPrecision(12)));
    return found;
  };

  const logTicks = (low, high, count) => {
    const found = [];
    const steps = high / low > 1000 ? [1] : [1, 2, 5];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const each of steps) found.push(each * 10 ** power);
    }
    const inside = found.filter((value) => value >= low && value <= high);
    return inside.length >= 2 ? inside.slice(-count * 3) : ticks(low, high, count);
  };

  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  const read = {
    value(value, digits = 5) {
      const size = Math.abs(value);
      if (size !== 0 && (size < 1e-3 || size >= 1e5)) return Number(value.toPrecision(digits)).toExponential().replace("e+", "e");
      return String(Number(value.toPrecision(digits)));
    },
    step: (value) => value.toLocaleString("en", { maximumFractionDigits: 0 }),
    time(value) {
      if (value < 10 && !Number.isInteger(value)) return `0:0${value.toFixed(1)}`;
      const whole = Math.round(value);
      const hours = Math.floor(whole / 3600), rest = `${two((whole / 60) % 60)}:${two(whole % 60)}`;
      return hours ? `${hours}:${rest}` : rest.replace(/^0(\d:)/, "$1");
    },
    tokens(value) {
      for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) if (value >= size) return Number((value / size).toPrecision(4)) + unit;
      return String(Math.round(value));
    },
  };

  const nearest = ({ x, y, steps }, at) => {
    if (!x.length) return null;
    let low = 0, high = x.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (x[middle] < at) low = middle; else high = middle;
    }
    const index = Math.abs(x[low] - at) <= Math.abs(x[high] - at) ? low : high;
    return { step: steps[index], value: y[index] };
  };

  // From a step to its place on the axis: straight between the steps whose time or tokens are known.
  const placer = (clock, axis) => {
    if (axis === "step" || !clock[axis === "time" ? "seconds" : axis].x.length) return (step) => step;
    const { x, y } = clock[axis === "time" ? "seconds" : axis];
    return (step) => {
      let low = 0, high = x.length - 1;
      if (step <= x[0]) return x[0] ? (y[0] * Math.max(0, step)) / x[0] : y[0];
      if (step >= x[high]) return y[high];
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (x[middle] <= step) low = middle; else high = middle;
      }
      return y[low] + ((y[high] - y[low]) * (step - x[low])) / (x[high] - x[low] || 1);
    };
  };

  // Exponential moving average with bias correction, as `run/curve.py` has it.
  const smooth = (values, weight) => {
    let average = 0, correction = 0;
    return values.map((value) => {
      average = weight * average + (1 - weight) * value;
      correction = weight * correction + (1 - weight);
      return average / correction;
    });
  };

  Object.assign(window.tsft, { Plot, read, nearest, placer, smooth });
})();
