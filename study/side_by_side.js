const find = (selector) => document.querySelector(selector);
const visible = (selector) => [...document.querySelectorAll(selector)].filter((each) => each.offsetParent);
// Folded imports are passed over.
const stepsToRead = () => visible(".step").filter((step) => !step.querySelector(":scope > .imports:not([open])"));

// The step in the window that has the focus, else the first that reaches below the window's upper third.
function place(steps) {
  const inWindow = ({ top, bottom }) => bottom > 0 && top < innerHeight;
  const focused = steps.indexOf(document.activeElement.closest(".step"));
  if (focused >= 0 && inWindow(steps[focused].getBoundingClientRect())) return focused;
  const below = steps.findIndex((step) => step.getBoundingClientRect().bottom > innerHeight / 3);
  return below < 0 ? steps.length - 1 : below;
}

function move(by) {
  const steps = stepsToRead();
  const here = place(steps);
  // From the top of the page "next" is the first step itself.
  const above = by > 0 && steps[here].getBoundingClientRect().top > innerHeight / 2;
  const step = steps[Math.max(0, Math.min(steps.length - 1, above ? here : here + by))];
  goTo(step);
}

function goTo(step) {
  step.focus({ preventScroll: true });
  step.scrollIntoView();
  history.replaceState(null, "", "#" + step.id);
}

// What a link leads to is unfolded.
function unfold() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const folded = target?.matches(".step") ? target.querySelector(":scope > .imports") : target?.closest("details");
  if (!folded || folded.open) return;
  folded.open = true;
  target.scrollIntoView();
}

// More lines of a docstring are unfolded on all sides together.
function unfoldBeside({ target }) {
  if (!target.matches(".fold")) return;
  const alike = target.closest(".columns").querySelectorAll(`[data-fold="${target.dataset.fold}"]`);
  for (const each of alike) each.open = target.open;
}

let hits = [];
let hit = -1;

function search() {
  const words = find("#search").value.toLowerCase().trim();
  hits = words ? visible(".step").filter((step) => step.textContent.toLowerCase().includes(words)) : [];
  hit = -1;
  find("#found").textContent = !words ? "" : hits.length ? `${hits.length} ${hits.length > 1 ? "steps" : "step"}: Enter` : "nothing";
}

// Enter leads from hit to hit, and unfolds those lines that hold the words.
function nextHit(event) {
  if (event.key !== "Enter" || !hits.length) return;
  hit = (hit + 1) % hits.length;
  const words = find("#search").value.toLowerCase().trim();
  for (const folded of hits[hit].querySelectorAll("details")) {
    folded.open ||= folded.textContent.toLowerCase().includes(words);
  }
  hits[hit].scrollIntoView();
  history.replaceState(null, "", "#" + hits[hit].id);
  find("#found").textContent = `${hit + 1} of ${hits.length}`;
}

function tellPlace() {
  const steps = stepsToRead();
  const here = place(steps);
  find("#here").textContent = `${here + 1} of ${steps.length}: ${steps[here].dataset.title}`;
}

// Where a step has both sides, either can be guessed. Only a script can reveal it then, so the script brings the button.
function offerGuessing() {
  for (const side of document.querySelectorAll(".columns:not(.alone-side) > .side:not(.numpy)")) {
    const button = document.createElement("button");
    button.className = "reveal";
    button.textContent = "Reveal";
    button.setAttribute("aria-label", `Reveal the ${side.querySelector("h4").firstChild.textContent.trim()} side`);
    button.setAttribute("aria-expanded", false);
    side.querySelector(".head").append(button);
  }
}

function reveal(button) {
  const hidden = button.getAttribute("aria-expanded") === "false";
  button.setAttribute("aria-expanded", hidden);
}

function study() {
  const choices = [...document.querySelectorAll("[name=study]")];
  choices[(choices.findIndex((each) => each.checked) + 1) % choices.length].click();
}

function changeTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}

function openDifference(id) {
  const row = document.getElementById(id);
  find("#opened > div").replaceChildren(...[...row.children].map((child) => child.cloneNode(true)));
  find("#opened > div").className = "row";
  find("#opened").setAttribute("aria-label", row.querySelector("h3").textContent);
  if (!find("#opened").open) find("#opened").showModal();
  find("#opened").scrollTop = 0;
}

// A box that scrolls can be reached by keyboard.
function markScrollers() {
  for (const box of visible(".scroll")) {
    box.toggleAttribute("tabindex", box.scrollWidth > box.clientWidth);
    if (box.hasAttribute("tabindex")) box.tabIndex = 0;
  }
}

const KEYS = {
  j: () => move(1), n: () => move(1), ArrowRight: () => move(1),
  k: () => move(-1), p: () => move(-1), ArrowLeft: () => move(-1),
  s: study,
  r: () => stepsToRead()[place(stepsToRead())].querySelectorAll(".reveal").forEach((each) => each.offsetParent && reveal(each)),
  3: () => find("#numpy").click(),
  d: changeTheme,
  "/": () => find("#search").focus(),
};

document.addEventListener("keydown", (event) => {
  const scrolls = event.key.startsWith("Arrow") && event.target.matches("input, .scroll");
  if (event.target.matches("[type=search]")) return;
  if (event.ctrlKey || event.metaKey || event.altKey || scrolls || find("#opened").open) return;
  if (!find("#single").checked || !Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});

document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#diff-"]');
  if (link) {
    event.preventDefault();
    openDifference(link.hash.slice(1));
  }
  if (event.target.matches(".reveal")) reveal(event.target);
  if (event.target.matches("dialog")) event.target.close();
});

find("#next").addEventListener("click", () => move(1));
find("#back").addEventListener("click", () => move(-1));
find("#theme").addEventListener("click", changeTheme);
for (const happening of ["scroll", "focusin", "change", "resize"]) addEventListener(happening, tellPlace, { passive: true });
for (const happening of ["change", "resize", "click"]) addEventListener(happening, markScrollers);
document.addEventListener("toggle", unfoldBeside, true);
addEventListener("toggle", tellPlace, true);
addEventListener("hashchange", unfold);
find("#search").addEventListener("input", search);
find("#search").addEventListener("keydown", nextHit);
offerGuessing();
unfold();
markScrollers();
tellPlace();
