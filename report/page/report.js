"use strict";
(() => {
  const root = document.documentElement;
  const tip = document.getElementById("tip");
  const live = document.getElementById("live");

  // Theme: the system's until the button is pressed.
  const theme = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const showTheme = () => {
    theme.setAttribute("aria-pressed", isDark());
    theme.textContent = `Dark theme: ${isDark() ? "on" : "off"}`;
  };
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    showTheme();
  });
  system.addEventListener("change", showTheme);
  showTheme();

  // Legends: a run is hidden in all charts at once.
  const hidden = new Set();
  for (const button of document.querySelectorAll(".legend button")) {
    button.addEventListener("click", () => {
      const run = button.dataset.run;
      hidden.delete(run) || hidden.add(run);
      for (const each of document.querySelectorAll(`[data-run="${run}"]`)) {
        if (each.matches("button")) each.setAttribute("aria-pressed", !hidden.has(run));
        else each.classList.toggle("off", hidden.has(run));
      }
    });
  }

  // Tips: shown by pointing, or by the arrow keys in a chart that has the focus.
  let current = null;
  function leave() {
    current?.classList.remove("on");
    current = null;
    tip.hidden = true;
  }
  function point(hit) {
    leave();
    current = hit;
    hit.classList.add("on");
    const [title, rows] = JSON.parse(hit.dataset.tip);
    const shown = rows.filter(([run]) => run === null || !hidden.has(String(run)));
    const heading = document.createElement("strong");
    heading.textContent = title;
    tip.replaceChildren(heading, ...shown.map(([, text]) => {
      const line = document.createElement("span");
      line.textContent = text;
      return line;
    }));
    tip.hidden = false;
    place();
    return [title, ...shown.map(([, text]) => text)].join(", ");
  }
  function place() {
    if (!current) return;
    const box = current.getBoundingClientRect();
    const left = box.left + box.width / 2 - tip.offsetWidth / 2;
    const above = box.top - tip.offsetHeight - 8;
    tip.style.left = `${Math.max(8, Math.min(left, root.clientWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${above < 8 ? Math.min(box.bottom + 8, innerHeight - tip.offsetHeight - 8) : above}px`;
  }
  for (const hit of document.querySelectorAll(".hit")) {
    hit.addEventListener("pointerenter", () => point(hit));
    hit.addEventListener("pointerleave", leave);
  }
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  for (const chart of document.querySelectorAll(".chart")) {
    chart.addEventListener("keydown", (event) => {
      if (event.key === "Escape") return leave();
      const step = steps[event.key];
      if (!step) return;
      event.preventDefault();
      const hits = [...chart.querySelectorAll(".hit")].filter((hit) => !hit.closest(".off"));
      if (!hits.length) return;
      const at = hits.indexOf(current);
      const next = at < 0 ? (step > 0 ? 0 : hits.length - 1) : at + step;
      live.textContent = point(hits[Math.max(0, Math.min(next, hits.length - 1))]);
    });
    chart.addEventListener("blur", leave);
  }
  addEventListener("scroll", place, { passive: true });

  // On paper nothing can be unfolded.
  const opened = new Set();
  addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll("details.fold:not([open])")) {
      fold.open = true;
      opened.add(fold);
    }
  });
  addEventListener("afterprint", () => {
    for (const fold of opened) fold.open = false;
    opened.clear();
  });

  for (const button of document.querySelectorAll(".copy")) {
    if (!navigator.clipboard) button.hidden = true;
    button.addEventListener("click", () => {
      const command = button.parentElement.querySelector("code").textContent;
      navigator.clipboard.writeText(command).then(
        () => {
          live.textContent = "Copied";
          button.firstChild.textContent = "Copied";
          setTimeout(() => { button.firstChild.textContent = "Copy"; live.textContent = ""; }, 2000);
        },
        () => { live.textContent = "Copying is not allowed here"; },
      );
    });
  }
})();
