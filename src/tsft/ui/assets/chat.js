// The Chat tab in the browser: whose conversation this is, the answer as it is written, the selected part of an answer,
// and the board on which a series is drawn.
(() => {
  const tsft = window.tsft;
  if (!tsft || tsft.chat) return;
  const KEY = "tsft_chat";
  const NEAR_PIXELS = 80; // as close to the end a person follows what is written

  // A name for the conversation that lives as long as this browser tab, also when the page is loaded anew.
  const token = () => {
    try {
      const kept = sessionStorage.getItem(KEY);
      if (kept) return kept;
      const made = [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, "0")).join("");
      sessionStorage.setItem(KEY, made);
      return made;
    } catch (error) {
      return ""; // storage is switched off: the conversation lasts as long as the page
    }
  };

  // The part of an answer that was selected last, in characters as Python counts them.
  let selection = null;
  const points = (text) => [...text].length;
  document.addEventListener("selectionchange", () => {
    const chosen = getSelection();
    if (!chosen.rangeCount) return;
    const range = chosen.getRangeAt(0);
    const text = textAround(range.startContainer);
    if (!text || text !== textAround(range.endContainer)) return;
    if (range.collapsed) { selection = null; return; }
    const before = document.createRange();
    before.selectNodeContents(text);
    before.setEnd(range.startContainer, range.startOffset);
    const begin = points(before.toString());
    selection = { reply: Number(text.dataset.text), begin, end: begin + points(range.toString()) };
  });
  const textAround = (node) => (node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement)?.closest(".chat-answer") || null;

  // What a button of the conversation says to the server.
  const told = (button) => {
    const reply = Number(button.dataset.reply || 0);
    const part = selection && selection.reply === reply ? selection : { begin: 0, end: 0 };
    return { do: button.dataset.do, kind: button.dataset.kind, reply, begin: part.begin, end: part.end };
  };

  // On a phone the conversation has no scroll bar of its own: the page scrolls.
  const scrolls = (box) => getComputedStyle(box).overflowY !== "visible";

  // The answer under way goes from the feed into its place; nothing else is drawn anew.
  const applyFeed = () => {
    const feed = document.querySelector("#chat-feed [data-for]");
    if (!feed) return;
    const place = document.querySelector(`#chat-turns [data-place="${feed.dataset.for}"]`);
    if (!place || place.textContent === feed.dataset.text) return;
    const box = document.getElementById("chat-turns");
    const isWhole = !scrolls(box);
    const below = isWhole ? place.getBoundingClientRect().bottom - innerHeight : box.scrollHeight - box.scrollTop - box.clientHeight;
    const isFollowed = below < NEAR_PIXELS && (!isWhole || below > -innerHeight);
    place.textContent = feed.dataset.text;
    place.classList.toggle("is-waiting", feed.dataset.written !== "1");
    if (!isFollowed) return;
    if (!isWhole) box.scrollTop = box.scrollHeight;
    else if (place.getBoundingClientRect().bottom > innerHeight) place.scrollIntoView({ block: "end" });
  };

  // A new turn comes into view once; whoever reads above is left alone afterwards.
  let lastTurn = "";
  const showLastTurn = () => {
    const box = document.getElementById("chat-turns");
    const places = box ? [...box.querySelectorAll(".chat-reply")] : [];
    const last = places.length ? places[places.length - 1].dataset.reply : "";
    if (last === lastTurn) return;
    const isNew = last && Number(last) > Number(lastTurn || 0);
    const isFirstSight = !lastTurn;
    lastTurn = last;
    if (!isNew) return;
    requestAnimationFrame(() => {
      if (scrolls(box)) { box.scrollTop = box.scrollHeight; return; }
      const shown = box.querySelector(`[data-reply="${last}"]`);
      // A page that is opened again stays at its top; a question that was just asked leads to its answer.
      if (shown && (!isFirstSight || shown.dataset.state === "asked")) shown.scrollIntoView({ block: "nearest" });
    });
  };

  // The board: one height for each of so many columns, from 0 at the bottom to 1 at the top.
  const COLUMNS = 200;
  let heights = Array(COLUMNS).fill(null);
  const boardOf = () => document.querySelector("#chat-draw canvas");
  const paint = (canvas) => {
    const scale = devicePixelRatio || 1, { clientWidth: width, clientHeight: height } = canvas;
    if (!width) return;
    canvas.width = width * scale;
    canvas.height = height * scale;
    const pen = canvas.getContext("2d"), style = getComputedStyle(canvas);
    pen.scale(scale, scale);
    pen.strokeStyle = style.color;
    pen.lineWidth = 2;
    pen.lineJoin = "round";
    pen.beginPath();
    let isDown = false;
    heights.forEach((each, column) => {
      if (each === null) return;
      const x = (column / (COLUMNS - 1)) * width, y = (1 - each) * (height - 4) + 2;
      if (isDown) pen.lineTo(x, y); else pen.moveTo(x, y);
      isDown = true;
    });
    pen.stroke();
  };
  const at = (canvas, event) => {
    const box = canvas.getBoundingClientRect();
    const clamp = (value) => Math.min(1, Math.max(0, value));
    return { column: Math.round(clamp((event.clientX - box.left) / box.width) * (COLUMNS - 1)), height: 1 - clamp((event.clientY - box.top) / box.height) };
  };
  const hear = (canvas) => {
    let last = null;
    const put = (event) => {
      const now = at(canvas, event), from = last || now;
      const step = Math.sign(now.column - from.column);
      for (let column = from.column; ; column += step) {
        const share = now.column === from.column ? 1 : (column - from.column) / (now.column - from.column);
        heights[column] = from.height + share * (now.height - from.height);
        if (column === now.column) break;
      }
      last = now;
      paint(canvas);
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      last = null;
      put(event);
    });
    canvas.addEventListener("pointermove", (event) => { if (last && canvas.hasPointerCapture(event.pointerId)) put(event); });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });
    new ResizeObserver(() => paint(canvas)).observe(canvas);
  };
  const applyBoard = () => {
    const canvas = boardOf();
    if (!canvas || canvas.dataset.heard) return;
    canvas.dataset.heard = "1";
    hear(canvas);
    paint(canvas);
  };
  document.addEventListener("click", (event) => {
    if (!event.target.closest || !event.target.closest("#chat-draw [data-wipes]")) return;
    heights = Array(COLUMNS).fill(null);
    paint(boardOf());
  });
  const drawn = () => {
    const found = { heights };
    document.querySelectorAll("#chat-draw [data-part]").forEach((field) => { found[field.dataset.part] = field.value; });
    return JSON.stringify(found);
  };

  // The tab is labelled when it is first looked at in a language, as the sections of the Data tab are.
  let labelled = "en";
  const labelTab = () => {
    const button = document.getElementById("chat-relabel");
    const isOpen = document.getElementById("chat-question")?.offsetParent;
    if (!button || !isOpen || !tsft.language || labelled === tsft.language) return;
    labelled = tsft.language;
    button.click();
  };

  tsft.chat = { token, told, drawn };
  tsft.sweepers.push(labelTab, showLastTurn, applyFeed, applyBoard);
})();
