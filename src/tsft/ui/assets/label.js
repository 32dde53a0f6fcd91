// The label room by keyboard: A, R, S, U and D press their buttons, C puts the cursor into the answer, Ctrl+Enter there
// keeps the correction. Letters do nothing while somebody types, or while another part of the page is in front.
(() => {
  if (!window.tsft || window.tsft.label) return;
  const KEYS = { a: "label-accept", r: "label-reject", s: "label-skip", u: "label-undo", d: "label-draft" };
  const TEXTS = "input, textarea, select, [contenteditable], [role=combobox], [role=listbox], [role=dialog]";

  const press = (id) => {
    const button = document.getElementById(id);
    if (button && !button.disabled) button.click();
  };

  const toAnswer = () => {
    const box = document.querySelector("#label-answer textarea");
    if (!box) return;
    box.focus();
    box.setSelectionRange(box.value.length, box.value.length);
  };

  document.addEventListener("keydown", (event) => {
    const room = document.getElementById("label-room");
    if (!room || !room.offsetParent || event.isComposing) return;
    const isText = event.target.closest && event.target.closest(TEXTS);
    if (isText && !isText.matches("input[type=radio], input[type=checkbox]")) {
      const isOurs = event.target.closest("#label-answer, #label-question");
      if (isOurs && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        event.target.blur();
        press("label-correct");
      } else if (isOurs && event.key === "Escape") event.target.blur();
      return;
    }
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key === "c") toAnswer();
    else if (KEYS[key]) press(KEYS[key]);
    else return;
    event.preventDefault();
  });
  window.tsft.label = { toAnswer };
})();
