// Draws a run's curves: loss (raw, smoothed, validation) and below it learning rate and gradient norm.
// A chart is an element <div class="tsft-chart" data-feed="ID">; its data is the JSON in [data-payload] inside #ID.
// The SVG is made once and updated in place, so that zoom, hover and hidden curves outlive every update.
(() => {
  if (!window.tsft || window.tsft.chart) return;
  const SVG = "http://www.w3.org/2000/svg";
  const charts = new Map();
  window.tsft.chart = charts;

  const make = (parent, name, attributes = {}, isSvg = true) => {
    const element = isSvg ? document.createElementNS(SVG, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    parent.append(element);
    return element;
  };
  const html = (parent, name, attributes) => make(parent, name, attributes, false);

  const MARGIN = { left: 52, right: 12, top: 8, bottom: 22 };
  const LOSS = ["raw", "smoothed", "validation"];

  class Plot {
    constructor(parent, height, series) {
      this.series = series; // [{key, css, isLine}]
      this.height = height;
      this.svg = make(parent, "svg", { class: "plot", height, width: "100%", "aria-hidden": "true" });
      this.grid = make(this.svg, "g", { class: "grid" });
      const id = "clip" + Math.random().toString(36).slice(2);
      this.clip = make(make(make(this.svg, "defs"), "clipPath", { id }), "rect");
      this.body = make(this.svg, "g", { "clip-path": `url(#${id})` });
      this.paths = Object.fromEntries(series.map((each) => [each.key, make(this.body, "path", { class: "curve " + each.css })]));
      this.dots = make(this.body, "g", { class: "dots" });
      this.cross = make(this.svg, "line", { class: "cross", visibility: "hidden" });
      this.brush = make(this.svg, "rect", { class: "brush", visibility: "hidden" });
    }

    draw(curves, range, isLog, hidden, extras) {
      const width = this.svg.clientWidth;
      if (!width) return;
      this.width = width;
      const inner = { x: MARGIN.left, y: MARGIN.top, w: width - MARGIN.left - MARGIN.right, h: this.height - MARGIN.top - MARGIN.bottom };
      this.inner = inner;
      for (const [key, value] of Object.entries({ x: inner.x - 6, y: inner.y - 6, width: Math.max(1, inner.w + 12), height: inner.h + 12 })) this.clip.setAttribute(key, value);
      const [x0, x1] = range;
      const bounds = this.bounds(curves, range, isLog, hidden);
      const scale = isLog ? Math.log10 : (value) => value;
      const [low, high] = bounds.map(scale);
      this.toX = (step) => inner.x + ((step - x0) / (x1 - x0 || 1)) * inner.w;
      this.toY = (value) => inner.y + (1 - (scale(value) - low) / (high - low || 1)) * inner.h;
      this.drawGrid(range, bounds, isLog);
      for (const { key } of this.series) {
        const curve = curves[key];
        this.paths[key].setAttribute("d", !curve || hidden.has(key) ? "" : this.pathOf(curve, isLog));
      }
      this.drawDots(curves, hidden, isLog, extras);
    }

    bounds(curves, [x0, x1], isLog, hidden) {
      let low = Infinity, high = -Infinity;
      for (const { key } of this.series) {
        if (hidden.has(key) || !curves[key]) continue;
        const { x, y } = curves[key];
        for (let i = 0; i < x.length; i++) {
          if (x[i] < x0 || x[i] > x1 || (isLog && y[i] <= 0)) continue;
          if (y[i] < low) low = y[i];
          if (y[i] > high) high = y[i];
        }
      }
      if (low > high) return isLog ? [0.1, 10] : [0, 1];
      if (isLog) return [low / 1.05, high * 1.05];
      const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 0.1;
      return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
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

    drawGrid([x0, x1], [low, high], isLog) {
      this.grid.replaceChildren();
      const { x, y, w, h } = this.inner;
      const rows = Math.max(2, Math.floor(h / 42));
      for (const value of isLog ? logTicks(low, high, rows) : ticks(low, high, rows)) {
        const at = this.toY(value);
        if (at < y - 1 || at > y + h + 1) continue;
        make(this.grid, "line", { x1: x, x2: x + w, y1: at, y2: at });
        make(this.grid, "text", { x: x - 7, y: at + 4, "text-anchor": "end" }).textContent = short(value);
      }
      for (const value of ticks(x0, x1, Math.max(2, Math.floor(w / 90)))) {
        if (!Number.isInteger(value)) continue;
        const at = this.toX(value);
        const anchor = at > x + w - 14 ? "end" : "middle";
        make(this.grid, "text", { x: at, y: y + h + 17, "text-anchor": anchor }).textContent = value.toLocaleString("en");
      }
    }

    drawDots(curves, hidden, isLog, extras) {
      this.dots.replaceChildren();
      if (!extras) return;
      for (const step of extras.gaps || []) {
        make(this.dots, "text", { class: "gap", x: this.toX(step), y: this.inner.y + 12, "text-anchor": "middle" }).textContent = "×";
      }
      const validation = curves.validation;
      if (!validation || hidden.has("validation")) return;
      validation.x.forEach((step, i) => {
        if (isLog && validation.y[i] <= 0) return;
        const isBest = extras.best && extras.best[0] === step;
        if (validation.x.length > 60 && !isBest) return;
        const at = { cx: this.toX(step), cy: this.toY(validation.y[i]), r: isBest ? 5 : 3 };
        make(this.dots, "circle", { class: isBest ? "validation best" : "validation", ...at });
      });
    }

    showCross(step) {
      const isShown = step !== null && this.toX && this.inner;
      this.cross.setAttribute("visibility", isShown ? "visible" : "hidden");
      if (!isShown) return;
      const at = this.toX(step);
      for (const [key, value] of Object.entries({ x1: at, x2: at, y1: this.inner.y, y2: this.inner.y + this.inner.h })) this.cross.setAttribute(key, value);
    }
  }

  class Chart {
    constructor(root) {
      this.root = root;
      this.hidden = new Set();
      this.zoom = null;
      this.isLog = false;
      this.data = null;
      root.classList.add("is-made");
      const head = html(root, "div", { class: "chart-head" });
      this.title = html(head, "strong");
      this.legend = html(head, "div", { class: "legend", role: "group" });
      this.buttons = Object.fromEntries(LOSS.map((key) => [key, this.legendButton(key)]));
      const tools = html(head, "div", { class: "tools" });
      this.reset = html(tools, "button", { type: "button", class: "tool reset", hidden: "" });
      this.logButton = html(tools, "button", { type: "button", class: "tool log-scale", "aria-pressed": "false" });
      this.frame = html(root, "div", { class: "chart-frame", role: "img", tabindex: "0" });
      this.main = new Plot(this.frame, 232, [
        { key: "raw", css: "raw" }, { key: "smoothed", css: "smoothed" }, { key: "validation", css: "validation" },
      ]);
      this.empty = html(this.frame, "p", { class: "chart-empty" });
      this.tip = html(root, "div", { class: "tip", hidden: "" });
      const row = html(root, "div", { class: "small-charts" });
      const [left, right] = [html(row, "div"), html(row, "div")];
      this.rateTitle = html(left, "span", { class: "small-title" });
      this.rate = new Plot(left, 96, [{ key: "learning_rate", css: "rate" }, { key: "encoder_learning_rate", css: "encoder-rate" }]);
      this.normTitle = html(right, "span", { class: "small-title" });
      this.norm = new Plot(right, 96, [{ key: "grad_norm", css: "norm" }]);
      this.plots = [this.main, this.rate, this.norm];
      this.logButton.addEventListener("click", () => { this.isLog = !this.isLog; this.draw(); });
      this.reset.addEventListener("click", () => { this.zoom = null; this.draw(); });
      this.plots.forEach((plot) => this.listen(plot));
      this.frame.addEventListener("keydown", (event) => this.key(event));
      new ResizeObserver(() => this.draw()).observe(root);
    }

    legendButton(key) {
      const button = html(this.legend, "button", { type: "button", class: "legend-item " + key, "aria-pressed": "true" });
      html(button, "i");
      html(button, "span");
      button.addEventListener("click", () => {
        this.hidden.has(key) ? this.hidden.delete(key) : this.hidden.add(key);
        button.setAttribute("aria-pressed", String(!this.hidden.has(key)));
        this.draw();
      });
      return button;
    }

    listen(plot) {
      const stepAt = (event) => {
        const box = plot.svg.getBoundingClientRect();
        const [x0, x1] = this.range();
        const share = (event.clientX - box.left - plot.inner.x) / plot.inner.w;
        return x0 + Math.min(1, Math.max(0, share)) * (x1 - x0);
      };
      let from = null;
      plot.svg.addEventListener("pointerdown", (event) => {
        if (event.button || event.pointerType === "touch" || !plot.inner) return;
        from = stepAt(event);
        plot.svg.setPointerCapture(event.pointerId);
      });
      plot.svg.addEventListener("pointermove", (event) => {
        if (!plot.inner) return;
        const step = stepAt(event);
        if (from === null) return this.hover(step, event);
        const [a, b] = [plot.toX(from), plot.toX(step)].sort((one, other) => one - other);
        plot.brush.setAttribute("visibility", "visible");
        for (const [key, value] of Object.entries({ x: a, y: plot.inner.y, width: b - a, height: plot.inner.h })) plot.brush.setAttribute(key, value);
      });
      plot.svg.addEventListener("pointerup", (event) => {
        if (from === null) return;
        const ends = [from, stepAt(event)].sort((one, other) => one - other);
        const isDrag = plot.toX(ends[1]) - plot.toX(ends[0]) > 8;
        from = null;
        plot.brush.setAttribute("visibility", "hidden");
        if (isDrag) this.setZoom(ends);
      });
      plot.svg.addEventListener("pointercancel", () => { from = null; plot.brush.setAttribute("visibility", "hidden"); });
      plot.svg.addEventListener("pointerleave", () => this.hover(null));
      plot.svg.addEventListener("dblclick", () => { this.zoom = null; this.draw(); });
      // The wheel scrolls the page, as everywhere; with Ctrl, or once the chart was clicked, it zooms.
      plot.svg.addEventListener("wheel", (event) => {
        if (!plot.inner || !(event.ctrlKey || event.metaKey || document.activeElement === this.frame)) return;
        event.preventDefault();
        this.zoomBy(event.deltaY < 0 ? 0.8 : 1.25, stepAt(event));
      }, { passive: false });
    }

    key(event) {
      const [x0, x1] = this.range();
      const middle = (x0 + x1) / 2, shift = (x1 - x0) / 5;
      if (event.key === "+" || event.key === "=") this.zoomBy(0.7, middle);
      else if (event.key === "-") this.zoomBy(1.4, middle);
      else if (event.key === "0" || event.key === "Escape") { this.zoom = null; this.draw(); }
      else if (event.key === "ArrowLeft" && this.zoom) this.setZoom([x0 - shift, x1 - shift]);
      else if (event.key === "ArrowRight" && this.zoom) this.setZoom([x0 + shift, x1 + shift]);
      else return;
      event.preventDefault();
    }

    zoomBy(factor, around) {
      const [x0, x1] = this.range();
      this.setZoom([around - (around - x0) * factor, around + (x1 - around) * factor]);
    }

    setZoom([a, b]) {
      const [first, last] = this.whole();
      [a, b] = [Math.max(first, a), Math.min(last, b)];
      this.zoom = b - a < 2 ? this.zoom : a <= first && b >= last ? null : [a, b];
      this.draw();
    }

    whole() {
      const { loss, validation } = this.data;
      const ends = [loss.x, validation.x].filter((x) => x.length);
      if (!ends.length) return [0, 10];
      const first = Math.min(...ends.map((x) => x[0])), last = Math.max(...ends.map((x) => x[x.length - 1]));
      return first === last ? [first - 1, last + 1] : [first, last];
    }

    range() {
      return this.zoom || this.whole();
    }

    take(data) {
      if (this.data && this.data.run !== data.run) this.zoom = null;
      this.data = data;
      const words = data.words;
      this.title.textContent = words.title;
      this.logButton.textContent = words.log_scale;
      this.reset.textContent = words.reset;
      this.empty.textContent = words.empty;
      this.rateTitle.textContent = words.learning_rate + (data.encoder_learning_rate.x.length ? ` · ${words.encoder_learning_rate}` : "");
      this.normTitle.textContent = words.grad_norm;
      LOSS.forEach((key) => { this.buttons[key].lastChild.textContent = words[key]; });
      this.frame.setAttribute("aria-label", words.description);
      this.main.svg.setAttribute("data-title", words.zoom_help);
      this.frame.title = words.zoom_help;
      this.draw();
    }

    draw() {
      if (!this.data) return;
      const { loss, smooth, validation, learning_rate, encoder_learning_rate, grad_norm, best, gaps } = this.data;
      const isEmpty = !loss.x.length && !validation.x.length;
      this.root.classList.toggle("is-empty", isEmpty);
      this.root.dataset.points = loss.x.length;
      this.root.dataset.validationPoints = validation.x.length;
      this.reset.hidden = !this.zoom;
      this.logButton.setAttribute("aria-pressed", String(this.isLog));
      const range = this.range();
      this.main.draw({ raw: loss, smoothed: smooth, validation }, range, this.isLog, this.hidden, { best, gaps });
      this.rate.draw({ learning_rate, encoder_learning_rate }, range, false, new Set());
      this.norm.draw({ grad_norm }, range, false, new Set());
    }

    hover(step, event) {
      this.plots.forEach((plot) => plot.showCross(step));
      const { words } = this.data || {};
      if (step === null || !words || !this.data.loss.x.length) { this.tip.hidden = true; return; }
      const rows = [["", words.step, Math.round(nearest(this.data.loss, step)[0])]];
      const add = (css, name, curve, reach = Infinity) => {
        const found = nearest(curve, step);
        if (found && Math.abs(found[0] - step) <= reach) rows.push([css, name, short(found[1])]);
      };
      const [x0, x1] = this.range();
      if (!this.hidden.has("raw")) add("raw", words.raw, this.data.loss);
      if (!this.hidden.has("smoothed")) add("smoothed", words.smoothed, this.data.smooth);
      if (!this.hidden.has("validation")) {
        const found = nearest(this.data.validation, step);
        if (found) rows.push(["validation", `${words.validation} (${found[0]})`, short(found[1])]);
      }
      add("rate", words.learning_rate, this.data.learning_rate);
      add("encoder-rate", words.encoder_learning_rate, this.data.encoder_learning_rate);
      add("norm", words.grad_norm, this.data.grad_norm);
      this.tip.replaceChildren();
      for (const [css, name, value] of rows) {
        const row = html(this.tip, "div", { class: css });
        html(row, "i");
        html(row, "span").textContent = name;
        html(row, "b").textContent = value;
      }
      this.tip.hidden = false;
      const box = this.root.getBoundingClientRect();
      const isRight = event.clientX - box.left > box.width / 2;
      this.tip.style.left = isRight ? "auto" : `${event.clientX - box.left + 14}px`;
      this.tip.style.right = isRight ? `${box.right - event.clientX + 14}px` : "auto";
      this.tip.style.top = `${Math.max(30, Math.min(event.clientY - box.top - 30, box.height - this.tip.offsetHeight - 4))}px`;
    }
  }

  const nearest = ({ x, y }, step) => {
    if (!x.length) return null;
    let low = 0, high = x.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (x[middle] < step) low = middle; else high = middle;
    }
    const at = Math.abs(x[low] - step) <= Math.abs(x[high] - step) ? low : high;
    return [x[at], y[at]];
  };

  const short = (value) => {
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1).replace("e+", "e").replace(".0e", "e");
    return String(Number(value.toPrecision(4)));
  };

  const ticks = (low, high, count) => {
    const rough = (high - low) / count || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999);
    const found = [];
    for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-6; value += step) found.push(Number(value.toPrecision(12)));
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

  const applyCharts = () => {
    document.querySelectorAll(".tsft-chart").forEach((root) => {
      if (!charts.has(root)) charts.set(root, new Chart(root));
      const feed = document.querySelector(`#${root.dataset.feed} [data-payload]`);
      const payload = feed && feed.dataset.payload;
      const chart = charts.get(root);
      if (!payload || chart.payload === payload) return;
      chart.payload = payload;
      chart.take(JSON.parse(payload));
    });
    for (const root of charts.keys()) if (!root.isConnected) charts.delete(root);
  };
  window.tsft.sweepers.push(applyCharts);
})();
