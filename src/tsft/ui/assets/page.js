// What the page does in the browser beside Gradio: the language of this browser, sentences beside their fields,
// running clocks, and the way from a problem to its field. Reads what the server sends in hidden elements.
(() => {
  if (window.tsft) return;
  const root = document.documentElement;
  const tsft = (window.tsft = { clockOffset: 0, sweepers: [] });
  const YEAR_SECONDS = 31536000;

  tsft.setLanguage = (language) => {
    document.cookie = `tsft_lang=${language}; path=/; max-age=${YEAR_SECONDS}; SameSite=Lax`;
    root.lang = language;
    tellGradio(language);
  };

  // Gradio's own few words (lost connection, empty list) follow too, as far as its front end lets us.
  const tellGradio = async (language) => {
    const core = performance.getEntriesByType("resource").map((entry) => entry.name).find((name) => /\/assets\/core-[^/]*\.js/.test(name));
    if (!core) return;
    try {
      const module = await import(core);
      if (module.changeLocale) await module.changeLocale(language === "zh" ? "zh-CN" : language);
      root.lang = language;
    } catch (error) {
      console.info("Gradio kept its own language:", error.message);
    }
  };

  // The server says in which language it has labelled the page; until then nothing is shown (css: .tsft-ready).
  let shownLanguage = "";
  const applyWords = () => {
    const words = document.querySelector("#words-feed [data-language]");
    if (!words || !words.dataset.language || words.dataset.language === shownLanguage) return;
    shownLanguage = words.dataset.language;
    tsft.clockOffset = Number(words.dataset.now) * 1000 - Date.now();
    root.lang = tsft.language = shownLanguage;
    tellGradio(shownLanguage);
    tsft.labelSection?.();
    requestAnimationFrame(() => root.classList.add("tsft-ready"));
  };

  // Gradio's buttons beside code have an English name in every language.
  const nameCopyButtons = () => {
    const words = document.querySelector("#words-feed [data-copy]");
    if (!words) return;
    document.querySelectorAll("#fold-preview .icon-button").forEach((button) => {
      if (button.title === words.dataset.copy) return;
      button.title = words.dataset.copy;
      button.setAttribute("aria-label", words.dataset.copy);
    });
  };

  // Controls in a fold that was never opened do not exist yet: they get their sentence once the fold is open.
  // Each form has a feed of its own, and clears only what came from it.
  const lastErrors = {};
  const waitingOf = {};
  const applyErrors = () => {
    for (const name of ["errors-feed", "export-errors-feed"]) applyErrorsOf(name);
  };

  const applyErrorsOf = (name) => {
    const feed = document.querySelector(`#${name} [data-errors]`);
    if (feed && feed.dataset.errors !== (lastErrors[name] || "{}")) {
      lastErrors[name] = feed.dataset.errors;
      waitingOf[name] = JSON.parse(feed.dataset.errors);
      document.querySelectorAll(`.field-error[data-feed="${name}"]`).forEach((old) => {
        markField(old.parentElement, false);
        old.remove();
      });
    }
    const waiting = waitingOf[name] || {};
    for (const [id, { text, folds }] of Object.entries(waiting)) {
      folds.forEach(openFold);
      const field = document.getElementById(id);
      if (!field) continue;
      delete waiting[id];
      const line = document.createElement("p");
      line.className = "field-error";
      line.id = id + "-error";
      line.dataset.feed = name;
      line.textContent = text;
      field.append(line);
      markField(field, true);
    }
  };

  const markField = (field, isWrong) => {
    field.classList.toggle("wrong", isWrong);
    const input = field.querySelector("input, textarea, select");
    if (!input) return;
    if (isWrong) {
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", field.id + "-error");
    } else {
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
    }
  };

  // A fold of advanced settings is not in the page in simple mode.
  const openFold = (id) => {
    const button = document.querySelector(`#${id} > button.label-wrap`);
    if (button && !button.classList.contains("open")) button.click();
    const advanced = document.querySelector('#mode input[value="advanced"]');
    if (!button && id.startsWith("more-") && advanced && !advanced.checked) advanced.click();
  };

  const openAround = (element) => {
    const folds = [];
    for (let fold = element.closest(".fold"); fold; fold = fold.parentElement && fold.parentElement.closest(".fold")) folds.unshift(fold.id);
    folds.forEach(openFold);
  };

  document.addEventListener("click", (event) => {
    const way = event.target.closest && event.target.closest(".to-field");
    if (!way) return;
    goal = { id: way.dataset.field, folds: (way.dataset.folds || "").split(" ").filter(Boolean) };
    reachGoal();
  });

  // The field that a person wants to see; folds around it open one after another.
  let goal = null;
  const reachGoal = () => {
    if (!goal) return;
    goal.folds.forEach(openFold);
    const field = document.getElementById(goal.id);
    if (!field) return;
    goal = null;
    openAround(field);
    field.scrollIntoView({ block: "center", behavior: "smooth" });
    const input = field.querySelector("input, textarea, select");
    if (input) input.focus({ preventScroll: true });
  };

  // The list of settings that differ is made anew at every change, and stays open meanwhile.
  let showsDiffering = false;
  document.addEventListener("click", (event) => {
    const summary = event.target.closest && event.target.closest("#differs summary");
    if (summary) showsDiffering = !summary.parentElement.open;
  });
  const keepListOpen = () => {
    const list = document.querySelector("#differs details");
    if (list && list.open !== showsDiffering) list.open = showsDiffering;
  };

  const applyClocks = () => {
    const now = (Date.now() + tsft.clockOffset) / 1000;
    document.querySelectorAll("[data-since]").forEach((clock) => {
      const passed = Math.max(0, Math.floor(now - Number(clock.dataset.since)));
      const two = (number) => String(number).padStart(2, "0");
      const hours = Math.floor(passed / 3600), minutes = Math.floor(passed / 60) % 60;
      const text = hours ? `${hours}:${two(minutes)}:${two(passed % 60)}` : `${minutes}:${two(passed % 60)}`;
      if (clock.textContent !== text) clock.textContent = text;
    });
  };

  tsft.sweepers.push(applyWords, nameCopyButtons, applyErrors, applyClocks, reachGoal, keepListOpen);
  let isWaiting = false;
  const sweep = () => {
    isWaiting = false;
    tsft.sweepers.forEach((apply) => apply());
  };
  new MutationObserver(() => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(sweep);
  }).observe(document.body, { childList: true, subtree: true });
  setInterval(sweep, 1000);
})();
