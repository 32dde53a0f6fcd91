// The Evaluate tab: labelled when it is first looked at in a language, as the sections of the Data tab are; problems
// beside their fields; the chosen row marked at once.
(() => {
  const tsft = window.tsft;
  if (!tsft || tsft.labelEvaluate) return;
  const BUILT_IN = "en";
  const TRIES = 100, WAIT_MS = 50;
  let labelled = BUILT_IN;

  tsft.labelEvaluate = (triesLeft = TRIES) => {
    const tab = document.getElementById("tab-evaluate-button");
    if (!tab || !tsft.language || tab.getAttribute("aria-selected") !== "true" || labelled === tsft.language) return;
    const button = document.getElementById("evaluate-relabel");
    if (!button || button.parentElement.offsetParent === null) {
      if (triesLeft > 0) setTimeout(() => tsft.labelEvaluate(triesLeft - 1), WAIT_MS);
      return;
    }
    labelled = tsft.language;
    document.getElementById("tab-evaluate")?.classList.add("is-relabelled");
    button.click();
  };
  tsft.evaluateLabelled = () => document.getElementById("tab-evaluate")?.classList.remove("is-relabelled");
  const others = tsft.labelSection;
  tsft.labelSection = (...given) => { others?.(...given); tsft.labelEvaluate(); };

  // What the filters of the answers say now.
  tsft.answerFilters = () => JSON.stringify(Object.fromEntries([...document.querySelectorAll("#evaluate-filters [data-filter]")].map((each) => [each.dataset.filter, each.value])));

  tsft.toAnswerCard = () => {
    const card = document.getElementById("evaluate-card"), rows = document.getElementById("evaluate-rows");
    if (card && rows && card.getBoundingClientRect().top >= rows.getBoundingClientRect().bottom) card.scrollIntoView({ block: "start" });
  };

  document.addEventListener("click", (event) => {
    const row = event.target.closest && event.target.closest("#evaluate-rows [data-row]");
    if (!row) return;
    document.querySelectorAll("#evaluate-rows tr.chosen").forEach((each) => { each.classList.remove("chosen"); each.removeAttribute("aria-current"); });
    row.classList.add("chosen");
    row.setAttribute("aria-current", "true");
  });

  // A control in a fold that was never opened does not exist yet: it gets its sentence once the fold is open.
  let shown = "", waiting = [];
  const applyProblems = () => {
    const box = document.getElementById("evaluate-problems");
    if (!box) return;
    const lines = [...box.querySelectorAll("li[data-at]")].map((each) => ({ at: each.dataset.at, fold: each.dataset.fold, text: each.querySelector("span")?.textContent || "" }));
    const text = JSON.stringify(lines);
    if (text !== shown) {
      shown = text;
      waiting = lines;
      document.querySelectorAll(".field-error.of-evaluate").forEach((each) => {
        each.parentElement?.classList.remove("wrong");
        each.remove();
      });
    }
    waiting = waiting.filter(({ at, fold, text }) => {
      const button = fold && document.querySelector(`#${fold} > button.label-wrap`);
      if (button && !button.classList.contains("open")) button.click();
      const field = document.getElementById(at);
      if (!field) return true;
      const line = document.createElement("p");
      line.className = "field-error of-evaluate";
      line.textContent = text;
      field.append(line);
      field.classList.add("wrong");
      return false;
    });
  };
  tsft.sweepers.push(applyProblems);
})();
