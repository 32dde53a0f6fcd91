// Tables of small controls in HTML of our own (weights of tasks, names of columns), read when a handler asks for them,
// and buttons that copy the text beside them.
(() => {
  const tsft = window.tsft;
  if (!tsft || tsft.entries) return;

  // {key: {part: value}} of all controls below an element, as JSON; null where the element is not in the page.
  tsft.entries = (id) => {
    const root = document.getElementById(id);
    const controls = root ? [...root.querySelectorAll("[data-key]")] : [];
    if (!controls.length) return null;
    const found = {};
    for (const each of controls) {
      const { key, part } = each.dataset;
      found[key] = found[key] || {};
      found[key][part] = each.type === "checkbox" ? each.checked : each.value;
    }
    return JSON.stringify(found);
  };

  // Files dropped on a button that uploads go the way of files chosen by it.
  const zoneOf = (event) => event.target.closest && event.target.closest(".drops");
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      const zone = zoneOf(event);
      if (!zone) return;
      event.preventDefault();
      zone.classList.toggle("is-over", kind === "dragover");
      const input = zone.parentElement.querySelector("input[type=file]");
      if (kind !== "drop" || !input || !event.dataTransfer.files.length) return;
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest && event.target.closest("[data-copies]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copies);
    if (!source) return;
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = button.dataset.done;
    } catch (error) {
      // Without a safe connection the browser keeps its clipboard to itself: the text is marked, to be copied by hand.
      getSelection().selectAllChildren(source);
    }
  });
})();
