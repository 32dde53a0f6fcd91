// A chart of one run's curves or of several runs': loss above, small charts below; legend, zoom, smoothing, log scale,
// and steps, time or tokens along the bottom. Axes and lines are drawn by `plot.js`.
// A chart is an element <div class="tsft-chart" data-feed="ID">; its data is the JSON in [data-payload] inside #ID.
// The SVG is made once and updated in place, so that zoom, hover and hidden curves outlive every update.
(() => {
  if (!window.tsft || window.tsft.chart) return;
  const { Plot, read, nearest, placer, smooth } = window.tsft;
  const charts = new Map();
  const views = new Map(); // by feed: what a person has set, kept when the page makes its elements anew
  window.tsft.chart = charts;

  const KINDS = ["raw", "smoothed", "validation"];
  const AXES = ["step", "time", "tokens"];
  const COLORS = 10; // --run-1 … in page.css
  const SMOOTHING = 0.9;
  const WIDE = 8; // pixels: less is a click, not a drag
  const NOTHING = { x: [], y: [], steps: [] };
  const colorOf = (index) => `var(--run-${(index % COLORS) + 1})`;

  const html = (parent, name, attributes = {}) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    parent.append(element);
    return element;
  };

  class Chart {
    constructor(root) {
      this.root = root;
      const fresh = { zoom: null, hidden: new Set(), isLog: false, axis: "step", smoothing: SMOOTHING, key: "" };
      this.view = views.get(root.dataset.feed) || fresh;
      views.set(root.dataset.feed, this.view);
      this.data = null;
      this.at = null;
      root.classList.add("is-made");
      this.makeHead();
      this.frame = html(root, "div", { class: "chart-frame", role: "group", tabindex: "0" });
      this.main = new Plot(this.frame, 232);
      this.empty = html(this.frame, "p", { class: "chart-empty" });
      this.tip = html(root, "div", { class: "tip", hidden: "" });
      this.spoken = html(root, "p", { class: "unseen", "aria-live": "polite" });
      this.smallRow = html(root, "div", { class: "small-charts" });
      this.small = [];
      this.listen(this.main);
      this.frame.addEventListener("keydown", (event) => this.key(event));
      document.addEventListener("pointerdown", (event) => { if (!root.contains(event.target)) this.hover(null); });
      new ResizeObserver(() => this.draw()).observe(root);
    }

    makeHead() {
      const head = html(this.root, "div", { class: "chart-head" });
      this.title = html(head, "strong");
      this.legend = html(head, "div", { class: "legend", role: "group" });
      this.buttons = Object.fromEntries(KINDS.map((key) => [key, this.legendButton(this.legend, key, key)]));
      const tools = html(head, "div", { class: "tools" });
      const label = html(tools, "label", { class: "tool-field" });
      this.axisName = html(label, "span", { class: "unseen" });
      this.axis = html(label, "select", { class: "tool axis" });
      AXES.forEach((each) => html(this.axis, "option", { value: each }));
      this.axis.addEventListener("change", () => { Object.assign(this.view, { axis: this.axis.value, zoom: null }); this.prepare(); });
      const slide = html(tools, "label", { class: "tool-field slide" });
      this.smoothingName = html(slide, "span");
      this.smoothing = html(slide, "input", { type: "range", class: "smoothing", min: "0", max: "0.99", step: "0.01" });
      this.smoothing.addEventListener("input", () => { this.view.smoothing = Number(this.smoothing.value); this.prepare(); });
      this.logButton = html(tools, "button", { type: "button", class: "tool log-scale" });
      this.logButton.addEventListener("click", () => { this.view.isLog = !this.view.isLog; this.draw(); });
      const zoom = (css, sign, factor) => {
        const button = html(tools, "button", { type: "button", class: "tool " + css });
        button.textContent = sign;
        button.addEventListener("click", () => this.zoomBy(factor, this.middle()));
        return button;
      };
      this.zoomIn = zoom("zoom-in", "+", 0.6);
      this.zoomOut = zoom("zoom-out", "−", 1.6);
      this.reset = html(tools, "button", { type: "button", class: "tool reset", hidden: "" });
      this.reset.addEventListener("click", () => this.setZoom(null));
      this.runs = html(this.root, "div", { class: "legend runs-legend", role: "group", hidden: "" });
    }

    legendButton(parent, key, css) {
      const button = html(parent, "button", { type: "button", class: "legend-item " + css });
      html(button, "i");
      html(button, "span");
      button.addEventListener("click", () => {
        const { hidden } = this.view;
        hidden.has(key) ? hidden.delete(key) : hidden.add(key);
        this.draw();
      });
      return button;
    }

    take(data) {
      if (this.view.key && this.view.key !== data.key) this.view.zoom = null;
      this.view.key = data.key;
      this.data = data;
      const { words } = data;
      const texts = [[this.title, "title"], [this.logButton, "log_scale"], [this.reset, "reset"], [this.empty, "empty"], [this.axisName, "axis"], [this.smoothingName, "smoothing"]];
      this.smoothing.setAttribute("aria-label", words.smoothing);
      texts.forEach(([element, key]) => { element.textContent = words[key]; });
      [[this.zoomIn, "zoom_in"], [this.zoomOut, "zoom_out"]].forEach(([button, key]) => { button.title = words[key]; button.setAttribute("aria-label", words[key]); });
      KINDS.forEach((key) => { this.buttons[key].lastChild.textContent = words[key]; });
      [...this.axis.options].forEach((option) => { option.textContent = words[option.value]; });
      this.legend.setAttribute("aria-label", words.title);
      this.runs.setAttribute("aria-label", words.runs);
      this.frame.setAttribute("aria-label", words.description);
      this.frame.title = words.zoom_help;
      this.nameRuns();
      this.placeSmall();
      this.prepare();
    }

    nameRuns() {
      const { runs } = this.data;
      this.isOverlay = runs.length > 1;
      this.root.classList.toggle("is-overlay", this.isOverlay);
      this.runs.hidden = !this.isOverlay;
      const names = runs.map((run) => run.id).join("|");
      if (this.runs.dataset.names === names) return;
      this.runs.dataset.names = names;
      this.runs.replaceChildren();
      if (!this.isOverlay) return;
      runs.forEach((run, index) => {
        const button = this.legendButton(this.runs, "run:" + run.id, "run");
        button.firstChild.style.borderColor = colorOf(index);
        button.lastChild.textContent = run.name;
      });
    }

    // The small charts that have points, each made at its first.
    placeSmall() {
      const { runs, small, words } = this.data;
      const wanted = small.map((each) => ({ ...each, curves: each.curves.filter((name) => runs.some((run) => (run.curves[name] || { x: [] }).x.length)) }));
      wanted.forEach((each, index) => {
        if (!this.small[index]) {
          const box = html(this.smallRow, "div");
          const title = html(box, "span", { class: "small-title" });
          this.small[index] = { box, title, plot: new Plot(box, 96) };
          this.listen(this.small[index].plot);
        }
        const { box, title } = this.small[index];
        this.small[index].curves = each.curves;
        box.hidden = !each.curves.length;
        title.replaceChildren(words[each.title]);
        if (each.curves.length < 2 || this.isOverlay) return;
        each.curves.filter((name) => name !== each.title).forEach((name) => {
          const key = html(title, "span", { class: "key " + name });
          html(key, "i");
          key.append(words[name]);
        });
      });
    }

    // Everything that needs no width: where the points lie on the chosen axis, and the smoothed curve.
    prepare() {
      if (!this.data) return;
      const hasTokens = this.data.runs.some((run) => run.clock.tokens.y.some((value) => value > 0));
      this.axis.options[2].disabled = !hasTokens;
      if (!hasTokens && this.view.axis === "tokens") this.view.axis = "step";
      const { axis, smoothing } = this.view;
      this.axis.value = axis;
      this.smoothing.value = smoothing;
      this.lines = this.data.runs.map((run) => {
        const place = placer(run.clock, axis);
        const placed = ({ x, y }) => ({ x: x.map(place), y, steps: x });
        const raw = placed(run.loss);
        return {
          run, raw, place,
          smoothed: { ...raw, y: smooth(run.loss.y, smoothing) },
          validation: placed(run.validation),
          small: Object.fromEntries(Object.entries(run.curves).map(([name, curve]) => [name, placed(curve)])),
          best: run.best ? run.validation.x.indexOf(run.best[0]) : null,
          gaps: run.gaps.map(place),
        };
      });
      this.draw();
    }

    isHidden(kind, run) {
      return this.view.hidden.has(kind) || (this.isOverlay && this.view.hidden.has("run:" + run.id));
    }

    draw() {
      if (!this.lines) return;
      const { view, lines, isOverlay } = this;
      const count = (name) => Math.max(0, ...lines.map((line) => line[name].x.length));
      this.root.classList.toggle("is-empty", !count("raw") && !count("validation"));
      this.root.dataset.points = count("raw");
      this.root.dataset.validationPoints = count("validation");
      this.root.dataset.runs = lines.length;
      this.reset.hidden = !view.zoom;
      this.logButton.setAttribute("aria-pressed", String(view.isLog));
      KINDS.forEach((key) => this.buttons[key].setAttribute("aria-pressed", String(!view.hidden.has(key))));
      if (isOverlay) [...this.runs.children].forEach((button, index) => button.setAttribute("aria-pressed", String(!view.hidden.has("run:" + lines[index].run.id))));
      const range = this.range();
      const curves = KINDS.flatMap((kind) => lines.map((line, index) => ({
        id: kind + index, css: kind, color: isOverlay ? colorOf(index) : "", ...line[kind], isHidden: this.isHidden(kind, line.run),
        hasDots: kind === "validation", best: line.best, bestName: isOverlay ? "" : this.data.words.best,
      })));
      this.main.draw(curves, { range, isLog: view.isLog, axis: view.axis, gaps: lines.flatMap((line) => line.gaps) });
      for (const { plot, curves: names, box } of this.small) {
        if (box.hidden) continue;
        const small = (isOverlay ? names.slice(0, 1) : names).flatMap((name) => lines.map((line, index) => ({
          id: name + index, css: name, color: isOverlay ? colorOf(index) : "", ...(line.small[name] || NOTHING),
          isHidden: isOverlay && view.hidden.has("run:" + line.run.id),
        })));
        plot.draw(small, { range, isLog: false, axis: view.axis });
      }
    }

    whole() {
      const ends = this.lines.flatMap((line) => [line.raw.x, line.validation.x]).filter((x) => x.length);
      if (!ends.length) return [0, 10];
      const first = Math.min(...ends.map((x) => x[0])), last = Math.max(...ends.map((x) => x[x.length - 1]));
      return first === last ? [first - 1, last + 1] : [first, last];
    }

    range() {
      return this.view.zoom || this.whole();
    }

    middle() {
      const [x0, x1] = this.range();
      return (x0 + x1) / 2;
    }

    zoomBy(factor, around) {
      if (!this.lines) return;
      const [x0, x1] = this.range();
      this.setZoom([around - (around - x0) * factor, around + (x1 - around) * factor]);
    }

    setZoom(ends) {
      if (!this.lines) return;
      const [first, last] = this.whole();
      if (ends) ends = [Math.max(first, ends[0]), Math.min(last, ends[1])];
      if (!ends || (ends[0] <= first && ends[1] >= last)) this.view.zoom = null;
      else if (ends[1] - ends[0] >= Math.min(2, (last - first) / 50)) this.view.zoom = ends;
      this.draw();
    }

    listen(plot) {
      const placeOf = (event) => {
        const box = plot.svg.getBoundingClientRect();
        const [x0, x1] = this.range();
        const share = (event.clientX - box.left - plot.inner.x) / plot.inner.w;
        return x0 + Math.min(1, Math.max(0, share)) * (x1 - x0);
      };
      let from = null;
      const end = () => { from = null; plot.showBrush(null); };
      plot.svg.addEventListener("pointerdown", (event) => {
        if (event.button || !plot.inner) return;
        if (event.pointerType === "touch") return this.hover(placeOf(event), event);
        from = placeOf(event);
        plot.svg.setPointerCapture(event.pointerId);
      });
      plot.svg.addEventListener("pointermove", (event) => {
        if (!plot.inner) return;
        const at = placeOf(event);
        from === null ? this.hover(at, event) : plot.showBrush([from, at]);
      });
      plot.svg.addEventListener("pointerup", (event) => {
        if (from === null) return;
        const ends = [from, placeOf(event)].sort((one, other) => one - other);
        end();
        if (plot.toX(ends[1]) - plot.toX(ends[0]) > WIDE) this.setZoom(ends);
      });
      plot.svg.addEventListener("pointercancel", end);
      // What a finger has read stays until it touches something else.
      plot.svg.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") this.hover(null); });
      plot.svg.addEventListener("dblclick", () => this.setZoom(null));
      // The wheel scrolls the page, as everywhere; with Ctrl, or once the chart was clicked, it zooms.
      plot.svg.addEventListener("wheel", (event) => {
        if (!plot.inner || !(event.ctrlKey || event.metaKey || document.activeElement === this.frame)) return;
        event.preventDefault();
        this.zoomBy(event.deltaY < 0 ? 0.8 : 1.25, placeOf(event));
      }, { passive: false });
    }

    key(event) {
      if (!this.lines || event.target !== this.frame) return;
      const [x0, x1] = this.range();
      const shift = (x1 - x0) / 5;
      const sideways = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "+" || event.key === "=") this.zoomBy(0.6, this.middle());
      else if (event.key === "-") this.zoomBy(1.6, this.middle());
      else if (event.key === "0" || event.key === "Escape") { this.hover(null); this.setZoom(null); }
      else if (sideways && event.shiftKey) { if (this.view.zoom) this.setZoom([x0 + sideways * shift, x1 + sideways * shift]); }
      else if (sideways) this.walk(sideways);
      else return;
      event.preventDefault();
    }

    // To the next point of the first run that is shown, and say it aloud.
    walk(sideways) {
      const line = this.lines.find((each) => !this.isHidden("", each.run) && each.raw.x.length);
      if (!line || !this.main.toX) return;
      const [x0, x1] = this.range();
      const x = line.raw.x.filter((at) => at >= x0 && at <= x1);
      if (!x.length) return;
      const now = this.at === null ? -1 : x.findIndex((at) => at >= this.at);
      const next = this.at === null ? (sideways > 0 ? 0 : x.length - 1) : Math.min(x.length - 1, Math.max(0, (now < 0 ? x.length - 1 : now) + sideways));
      const box = this.main.svg.getBoundingClientRect();
      this.hover(x[next], { clientX: box.left + this.main.toX(x[next]), clientY: box.top + 60 });
      this.spoken.textContent = this.tip.innerText.replace(/\s+/g, " ");
    }

    hover(at, event) {
      if (at === null && this.at === null) return;
      const isEmpty = !this.lines || !this.lines.some((line) => line.raw.x.length);
      this.at = isEmpty ? null : at;
      [this.main, ...this.small.map((each) => each.plot)].forEach((plot) => plot.showCross(this.at));
      this.tip.hidden = this.at === null;
      if (this.at === null) return;
      this.tip.replaceChildren();
      this.isOverlay ? this.readAll(at) : this.readOne(this.lines[0], at);
      const box = this.root.getBoundingClientRect();
      const isRight = event.clientX - box.left > box.width / 2;
      this.tip.style.left = isRight ? "auto" : `${Math.max(4, event.clientX - box.left + 14)}px`;
      this.tip.style.right = isRight ? `${Math.max(4, box.right - event.clientX + 14)}px` : "auto";
      this.tip.style.top = `${Math.max(30, Math.min(event.clientY - box.top - 30, box.height - this.tip.offsetHeight - 4))}px`;
    }

    readOne(line, at) {
      const { words } = this.data;
      const row = (css, name, value) => {
        const element = html(this.tip, "div", { class: css });
        html(element, "i");
        html(element, "span").textContent = name;
        html(element, "b").textContent = value;
      };
      const found = nearest(line.raw, at);
      AXES.forEach((axis) => {
        if (axis !== "tokens" || !this.axis.options[2].disabled) row("", words[axis], read[axis](placer(line.run.clock, axis)(found.step)));
      });
      KINDS.forEach((kind) => {
        const point = nearest(line[kind], at);
        if (!point || this.isHidden(kind, line.run)) return;
        row(kind, kind === "validation" ? `${words[kind]} (${point.step})` : words[kind], read.value(point.value));
      });
      this.small.flatMap((each) => (each.box.hidden ? [] : each.curves.map((name) => [each.title.firstChild.data, name]))).forEach(([title, name]) => {
        const point = nearest(line.small[name], at);
        if (point) row(name, words[name] === title ? title : `${title}, ${words[name]}`, read.value(point.value));
      });
    }

    readAll(at) {
      const { words } = this.data;
      const kinds = KINDS.filter((kind) => !this.view.hidden.has(kind));
      const table = html(this.tip, "table");
      const head = html(table, "tr");
      html(head, "th").textContent = `${words[this.view.axis]} ${read[this.view.axis](at)}`;
      kinds.forEach((kind) => { html(head, "th").textContent = words[kind]; });
      this.lines.forEach((line, index) => {
        if (this.view.hidden.has("run:" + line.run.id)) return;
        const row = html(table, "tr");
        const name = html(row, "td");
        html(name, "i").style.background = colorOf(index);
        name.append(line.run.name);
        kinds.forEach((kind) => {
          const point = nearest(line[kind], at);
          html(row, "td").textContent = point ? read.value(point.value) : "–";
        });
      });
    }
  }

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
