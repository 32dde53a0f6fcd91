// The series of a row as small multiples, each with its patches, its marks and the gaps where a value is missing.
// A drawing is an element <div class="tsft-series" data-payload='JSON'>, made by `data/series_html.py`; it may come at
// any time. Series of one length are moved, zoomed and read together. With data-brush="1" dragging chooses an interval,
// and the element says so: CustomEvent "tsft-brush", {series, first, last} (series from 1, points from 0, inclusive).
(() => {
  if (!window.tsft || window.tsft.series) return;
  const { SeriesPlot, placeIn, read } = window.tsft;
  const drawings = new Map();
  const views = new Map(); // by key: the zoom, kept when the page makes the element anew
  window.tsft.series = drawings;

  const FEWEST = 4; // points that stay in view however far one zooms
  const DRAGGED = 4; // pixels: less is a click

  const html = (parent, name, attributes = {}) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    parent.append(element);
    return element;
  };
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

  // One series with its head and its frame.
  class Panel {
    constructor(drawing, series) {
      Object.assign(this, { drawing, series });
      this.box = html(drawing.grid, "section", { class: "series-panel" });
      const head = html(this.box, "div", { class: "series-head" });
      html(head, "strong").textContent = series.title;
      html(head, "span", { class: "series-range" }).textContent = series.range;
      this.said = html(this.box, "p", { class: "series-said", "aria-live": "polite" });
      this.frame = html(this.box, "div", { class: "series-frame", tabindex: "0", role: "group", "aria-label": series.description });
      this.plot = new SeriesPlot(this.frame, series);
      this.x = this.plot.x;
      this.pointers = new Map();
      this.listen();
    }

    get length() { return this.series.length; }

    whole() { return this.length > 1 ? [0, this.length - 1] : [-0.5, 0.5]; }

    get isReadable() { return Boolean(this.plot.inner && this.x.length); }

    range() { return this.drawing.view.zooms[this.length] || this.whole(); }

    draw() {
      const { plot, box } = this;
      const range = this.range();
      const drawn = plot.drawSeries(range);
      if (!drawn) return;
      Object.assign(box.dataset, { drawn, from: Math.round(range[0]), to: Math.round(range[1]) });
      plot.showCross(this.drawing.at(this));
      this.showChosen();
    }

    // The interval being chosen or chosen before, as far as it is in view.
    showChosen(ends = null) {
      const { chosen } = this.drawing;
      const shown = ends || (chosen && chosen.series === this.series.number ? [chosen.first, chosen.last] : null);
      const [x0, x1] = this.range();
      if (!shown || shown[1] < x0 || shown[0] > x1) return this.plot.showBrush(null);
      this.plot.showBrush([clamp(shown[0] - 0.5, x0, x1), clamp(shown[1] + 0.5, x0, x1)]);
    }

    say(at) {
      this.plot.showCross(at);
      if (at === null) { this.said.textContent = ""; return; }
      const { words } = this.drawing.data;
      const value = this.plot.valueAt(at);
      const parts = [fill(words.point, { index: at })];
      if (value === null) parts.push(words.gap);
      else if (value !== undefined) parts.push(read.value(value, 7) + (this.series.unit ? " " + this.series.unit : ""));
      for (const mark of this.series.marks) if (mark.label && mark.first <= at && at <= mark.last) parts.push(mark.label);
      this.said.textContent = parts.join(" · ");
    }

    pointAt(clientX) {
      const box = this.plot.svg.getBoundingClientRect();
      const [x0, x1] = this.range();
      const share = clamp((clientX - box.left - this.plot.inner.x) / this.plot.inner.w, 0, 1);
      return clamp(Math.round(x0 + share * (x1 - x0)), 0, this.length - 1);
    }

    // A point that is in the drawing: of a thinned series the nearest that was kept.
    nearest(at) {
      const index = clamp(placeIn(this.x, at), 0, this.x.length - 1);
      const before = Math.max(0, index - 1);
      return at - this.x[before] < this.x[index] - at ? this.x[before] : this.x[index];
    }

    listen() {
      const { svg } = this.plot;
      svg.addEventListener("pointerdown", (event) => this.press(event));
      svg.addEventListener("pointermove", (event) => this.move(event));
      svg.addEventListener("pointerup", (event) => this.release(event));
      svg.addEventListener("pointercancel", (event) => { this.pointers.delete(event.pointerId); this.drag = null; this.showChosen(); });
      svg.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch" && !this.drag) this.drawing.read(this, null); });
      svg.addEventListener("dblclick", () => this.drawing.zoom(this.length, null));
      // The wheel scrolls the page, as everywhere; with Ctrl, or once the drawing was clicked, it zooms.
      svg.addEventListener("wheel", (event) => {
        if (!this.isReadable || !(event.ctrlKey || event.metaKey || document.activeElement === this.frame)) return;
        event.preventDefault();
        const isSideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
        if (isSideways) this.drawing.pan(this, Math.sign(event.deltaX || event.deltaY) * 0.1);
        else this.drawing.zoomBy(this, event.deltaY < 0 ? 0.8 : 1.25, this.pointAt(event.clientX));
      }, { passive: false });
      this.frame.addEventListener("keydown", (event) => this.key(event));
      this.frame.addEventListener("keyup", (event) => { if (event.key === "Shift" && this.anchor !== undefined) this.choose(); });
      this.frame.addEventListener("blur", () => this.drawing.read(this, null));
    }

    press(event) {
      if (event.button || !this.isReadable) return;
      this.plot.svg.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, event.clientX);
      const [x0, x1] = this.range();
      this.drag = { from: event.clientX, point: this.pointAt(event.clientX), range: [x0, x1], isMoved: false };
      if (this.pointers.size === 2) {
        const [a, b] = [...this.pointers.values()];
        this.drag = { ...this.drag, isPinch: true, isMoved: true, spread: Math.max(10, Math.abs(a - b)), middle: this.pointAt((a + b) / 2) };
        this.showChosen();
      }
    }

    move(event) {
      if (!this.isReadable) return;
      if (this.pointers.has(event.pointerId)) this.pointers.set(event.pointerId, event.clientX);
      const { drag, drawing } = this;
      if (!drag) return drawing.read(this, this.nearest(this.pointAt(event.clientX)));
      const shift = event.clientX - drag.from;
      drag.isMoved = drag.isMoved || Math.abs(shift) > DRAGGED;
      if (!drag.isMoved) return;
      const [x0, x1] = drag.range;
      if (drag.isPinch) {
        const [a, b] = [...this.pointers.values()];
        if (b === undefined) return;
        const factor = drag.spread / Math.max(10, Math.abs(a - b));
        drawing.zoom(this.length, [drag.middle - (drag.middle - x0) * factor, drag.middle + (x1 - drag.middle) * factor]);
      } else if (drawing.isBrush) {
        this.showChosen([drag.point, this.pointAt(event.clientX)].sort((a, b) => a - b));
      } else {
        const points = (-shift / this.plot.inner.w) * (x1 - x0);
        drawing.moveTo(this, [x0 + points, x1 + points]);
      }
    }

    release(event) {
      this.pointers.delete(event.pointerId);
      const { drag, drawing } = this;
      if (!drag) return;
      // After a pinch one finger is still down: it must not pan or choose.
      if (this.pointers.size) { drag.isPinch = true; return; }
      this.drag = null;
      if (!drag.isMoved) return drawing.read(this, this.nearest(drag.point));
      if (drag.isPinch || !drawing.isBrush) return;
      const [first, last] = [drag.point, this.pointAt(event.clientX)].sort((a, b) => a - b);
      drawing.choose(this, first, last);
    }

    key(event) {
      const { drawing } = this;
      if (!this.isReadable || event.ctrlKey || event.metaKey || event.altKey) return;
      const now = drawing.at(this);
      const sideways = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const middle = now === null ? (this.range()[0] + this.range()[1]) / 2 : now;
      if (event.key === "+" || event.key === "=") drawing.zoomBy(this, 0.6, middle);
      else if (event.key === "-") drawing.zoomBy(this, 1.6, middle);
      else if (event.key === "0" || event.key === "Escape") { this.anchor = undefined; drawing.zoom(this.length, null); drawing.read(this, null); }
      else if (sideways && event.shiftKey && drawing.isBrush) this.extend(sideways);
      else if (sideways && event.shiftKey) drawing.pan(this, sideways * 0.2);
      else if (sideways) { this.anchor = undefined; this.walk(sideways); }
      else if (event.key === "PageUp" || event.key === "PageDown") this.walk((event.key === "PageUp" ? -1 : 1) * (this.series.patch || 10));
      else if (event.key === "Home" || event.key === "End") this.walk(event.key === "Home" ? -this.length : this.length);
      else return;
      event.preventDefault();
    }

    walk(by) {
      const [x0, x1] = this.range().map(Math.round);
      const now = this.drawing.at(this);
      const index = now === null ? (by > 0 ? placeIn(this.x, Math.max(0, x0)) - 1 : placeIn(this.x, x1) + 1) : placeIn(this.x, now);
      const at = this.x[clamp(index + by, 0, this.x.length - 1)];
      if (at < x0 || at > x1) this.drawing.moveTo(this, at < x0 ? [at, at + x1 - x0] : [at - x1 + x0, at]);
      this.drawing.read(this, at);
      return at;
    }

    extend(sideways) {
      const now = this.drawing.at(this);
      if (now === null) { this.anchor = this.walk(sideways); return this.showChosen([this.anchor, this.anchor]); }
      if (this.anchor === undefined) this.anchor = now;
      const at = this.walk(sideways);
      this.showChosen([this.anchor, at].sort((a, b) => a - b));
    }

    choose() {
      const at = this.drawing.at(this);
      if (at === null) return;
      const [first, last] = [this.anchor, at].sort((a, b) => a - b);
      const { chosen } = this.drawing;
      if (!chosen || chosen.series !== this.series.number || chosen.first !== first || chosen.last !== last) this.drawing.choose(this, first, last);
    }
  }

  class Drawing {
    constructor(root) {
      this.root = root;
      this.observer = new ResizeObserver(() => this.draw());
      this.observer.observe(root);
    }

    take(data) {
      this.data = data;
      this.isBrush = this.root.dataset.brush === "1";
      if (!views.has(data.key)) views.set(data.key, { zooms: {} });
      this.view = data.key ? views.get(data.key) : { zooms: {} };
      this.reading = { length: 0, point: null };
      this.chosen = data.chosen || null;
      this.root.replaceChildren();
      this.root.classList.add("is-made");
      this.tools = html(this.root, "div", { class: "series-tools" });
      const { words } = data;
      for (const [name, sign, act] of [
        ["zoom_in", "+", () => this.eachLength((panel) => this.zoomBy(panel, 0.6, null))],
        ["zoom_out", "−", () => this.eachLength((panel) => this.zoomBy(panel, 1.6, null))],
        ["reset", "0", () => this.eachLength((panel) => this.zoom(panel.length, null))],
      ]) {
        const button = html(this.tools, "button", { type: "button", class: `tool ${name}`, title: words[name], "aria-label": words[name] });
        button.textContent = name === "reset" ? words[name] : sign;
        if (name === "reset") this.reset = button;
        button.addEventListener("click", act);
      }
      html(this.tools, "span", { class: "series-help" }).textContent = this.isBrush ? words.brush_help : words.help;
      this.grid = html(this.root, "div", { class: "series-grid" });
      this.panels = data.series.map((series) => new Panel(this, series));
      this.draw();
    }

    get isThere() { return Boolean(this.panels && this.grid.parentNode === this.root); }

    draw() {
      if (!this.isThere) return;
      this.panels.forEach((panel) => panel.draw());
      const isZoomed = this.panels.some((panel) => this.view.zooms[panel.length]);
      this.root.classList.toggle("is-zoomed", isZoomed);
      this.reset.hidden = !isZoomed;
    }

    eachLength(act) {
      new Map(this.panels.map((panel) => [panel.length, panel])).forEach(act);
    }

    of(length) { return this.panels.filter((panel) => panel.length === length); }

    at(panel) { return this.reading.length === panel.length ? this.reading.point : null; }

    read(panel, point) {
      const before = this.reading;
      if (before.length !== panel.length) this.of(before.length).forEach((each) => each.say(null));
      this.reading = { length: panel.length, point };
      this.of(panel.length).forEach((each) => each.say(point));
    }

    zoomBy(panel, factor, around) {
      const [x0, x1] = panel.range();
      const middle = around === null ? (x0 + x1) / 2 : around;
      this.zoom(panel.length, [middle - (middle - x0) * factor, middle + (x1 - middle) * factor]);
    }

    pan(panel, share) {
      const [x0, x1] = panel.range();
      this.moveTo(panel, [x0 + share * (x1 - x0), x1 + share * (x1 - x0)]);
    }

    // Sideways only: at either end the stretch stops, as wide as it was.
    moveTo(panel, [x0, x1]) {
      const [first, last] = panel.whole();
      const shift = x0 < first ? first - x0 : x1 > last ? last - x1 : 0;
      this.zoom(panel.length, [x0 + shift, x1 + shift]);
    }

    zoom(length, ends) {
      const [first, last] = this.of(length)[0].whole();
      if (ends) ends = [Math.max(first, ends[0]), Math.min(last, ends[1])];
      if (!ends || (ends[0] <= first && ends[1] >= last)) delete this.view.zooms[length];
      else if (ends[1] - ends[0] >= Math.min(FEWEST, (last - first) / 2)) this.view.zooms[length] = ends;
      this.draw();
    }

    choose(panel, first, last) {
      this.chosen = { series: panel.series.number, first, last };
      this.panels.forEach((each) => each.showChosen());
      panel.said.textContent = fill(this.data.words.chosen, { first, last });
      this.root.dispatchEvent(new CustomEvent("tsft-brush", { bubbles: true, detail: { ...this.chosen } }));
    }
  }

  const applySeries = () => {
    document.querySelectorAll(".tsft-series").forEach((root) => {
      if (!drawings.has(root)) drawings.set(root, new Drawing(root));
      const drawing = drawings.get(root), { payload } = root.dataset;
      // The page may keep the element and empty it when its text is sent anew.
      if (!payload || (drawing.payload === payload && drawing.isThere)) return;
      drawing.payload = payload;
      drawing.take(JSON.parse(payload));
    });
    for (const [root, drawing] of drawings) {
      if (root.isConnected) continue;
      drawing.observer.disconnect();
      drawings.delete(root);
    }
  };
  window.tsft.sweepers.push(applySeries);
})();
