// The sections of the Data tab are labelled when they are first looked at in a language: Gradio takes longer to label a
// control that is not shown yet than one that is, and most of these are never shown at all.
(() => {
  const tsft = window.tsft;
  const labelled = {};
  const BUILT_IN = "en";
  const TRIES = 100, WAIT_MS = 50;

  const inView = () => {
    const tab = document.getElementById("tab-data-button");
    if (!tab || tab.getAttribute("aria-selected") !== "true") return null;
    return [...document.querySelectorAll("[id^='data-relabel-']")].find((button) => button.parentElement.offsetParent !== null);
  };

  tsft.labelSection = (triesLeft = TRIES) => {
    const tab = document.getElementById("tab-data-button");
    if (!tab || !tsft.language) return;
    const button = inView();
    if (!button) {
      if (triesLeft > 0 && tab.getAttribute("aria-selected") === "true") setTimeout(() => tsft.labelSection(triesLeft - 1), WAIT_MS);
      return;
    }
    const name = button.id.slice("data-relabel-".length);
    if ((labelled[name] || BUILT_IN) === tsft.language) return;
    labelled[name] = tsft.language;
    document.getElementById(`data-${name}`)?.classList.add("is-relabelled");
    button.click();
  };

  tsft.sectionLabelled = (name) => document.getElementById(`data-${name}`)?.classList.remove("is-relabelled");
})();
