// Tells of a run's end, failure or plateau by a browser notification, when the page is hidden and the visitor agreed.
// The mark [data-notice] comes with the page's tick; the choice is kept in this browser alone.
(() => {
  if (!window.tsft || window.tsft.notices) return;
  const KEY = "tsft_notify";
  const notices = (window.tsft.notices = { told: new Set() });
  const isPossible = () => "Notification" in window && window.isSecureContext;
  const wants = () => localStorage.getItem(KEY) === "on";
  const isOn = () => isPossible() && Notification.permission === "granted" && wants();

  const show = () => {
    const box = document.querySelector("#notify .notify");
    if (!box) return;
    const button = box.querySelector("button");
    const pressed = String(isOn());
    if (button.getAttribute("aria-pressed") !== pressed) button.setAttribute("aria-pressed", pressed);
  };

  const say = (name) => {
    const box = document.querySelector("#notify .notify");
    if (box) box.querySelector(".notify-said").textContent = name ? box.dataset[name] : "";
  };

  document.addEventListener("click", async (event) => {
    if (!event.target.closest || !event.target.closest("#notify button")) return;
    if (!isPossible()) return say("impossible");
    if (isOn()) {
      localStorage.setItem(KEY, "off");
      say("off");
    } else {
      const permission = Notification.permission === "default" ? await Notification.requestPermission() : Notification.permission;
      if (permission === "granted") localStorage.setItem(KEY, "on");
      say(permission === "granted" ? "on" : "denied");
    }
    show();
  });

  // What the page found when it was opened is not news.
  let isFirst = true;
  const look = () => {
    const mark = document.querySelector("#announcement [data-notice]");
    const status = document.querySelector("#announcement [role=status]");
    if (!status) return;
    const key = mark ? mark.dataset.notice : "";
    const isNews = key && !notices.told.has(key);
    if (key) notices.told.add(key);
    if (isFirst) isFirst = false;
    else if (isNews && document.hidden && isOn()) new Notification(mark.dataset.title, { body: mark.dataset.text, tag: key });
  };

  window.tsft.sweepers.push(show, look);
})();
