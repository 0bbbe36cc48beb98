const find = (selector) => document.querySelector(selector);
const visible = (selector) => [...document.querySelectorAll(selector)].filter((each) => each.offsetParent);

// The step in the window that has the focus, else the first that reaches below the window's upper third.
function place(steps) {
  const inWindow = ({ top, bottom }) => bottom > 0 && top < innerHeight;
  const focused = steps.indexOf(document.activeElement.closest(".step"));
  if (focused >= 0 && inWindow(steps[focused].getBoundingClientRect())) return focused;
  const below = steps.findIndex((step) => step.getBoundingClientRect().bottom > innerHeight / 3);
  return below < 0 ? steps.length - 1 : below;
}

function move(by) {
  const steps = visible(".step");
  const here = place(steps);
  // From the top of the page "next" is the first step itself.
  const above = by > 0 && steps[here].getBoundingClientRect().top > innerHeight / 2;
  const step = steps[Math.max(0, Math.min(steps.length - 1, above ? here : here + by))];
  step.focus({ preventScroll: true });
  step.scrollIntoView();
  history.replaceState(null, "", "#" + step.id);
}

function tellPlace() {
  const steps = visible(".step");
  const here = place(steps);
  find("#here").textContent = `${here + 1} of ${steps.length}: ${steps[here].dataset.title}`;
}

// Where a step has both sides, either can be guessed. Only a script can reveal it then, so the script brings the button.
function offerGuessing() {
  for (const side of document.querySelectorAll(".columns:not(.alone-side) > .side:not(.numpy)")) {
    const button = document.createElement("button");
    button.className = "reveal";
    button.textContent = `Guess, then reveal the ${side.querySelector("h4").firstChild.textContent.trim()} side`;
    button.setAttribute("aria-expanded", false);
    side.querySelector(".hideable").before(button);
  }
}

function reveal(button) {
  button.setAttribute("aria-expanded", button.getAttribute("aria-expanded") === "false");
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
  for (const box of visible(".code, .scroll")) {
    box.toggleAttribute("tabindex", box.scrollWidth > box.clientWidth);
    if (box.hasAttribute("tabindex")) box.tabIndex = 0;
  }
}

const KEYS = {
  j: () => move(1), n: () => move(1), ArrowRight: () => move(1),
  k: () => move(-1), p: () => move(-1), ArrowLeft: () => move(-1),
  s: study,
  r: () => visible(".step")[place(visible(".step"))].querySelectorAll(".reveal").forEach((each) => each.offsetParent && reveal(each)),
  3: () => find("#numpy").click(),
  d: changeTheme,
};

document.addEventListener("keydown", (event) => {
  const scrolls = event.key.startsWith("Arrow") && event.target.matches("input, .code, .scroll");
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

// The columns of a step scroll together, led by the one under the pointer or with the focus.
let leader = null;
const lead = (event) => { leader = event.target.closest(".code") ?? leader; };
document.addEventListener("pointerover", lead);
document.addEventListener("focusin", lead);
document.addEventListener("scroll", (event) => {
  if (event.target !== leader) return;
  for (const box of leader.closest(".columns").querySelectorAll(".code")) box.scrollLeft = leader.scrollLeft;
}, true);

find("#next").addEventListener("click", () => move(1));
find("#back").addEventListener("click", () => move(-1));
find("#theme").addEventListener("click", changeTheme);
for (const happening of ["scroll", "focusin", "change", "resize"]) addEventListener(happening, tellPlace, { passive: true });
for (const happening of ["change", "resize", "click"]) addEventListener(happening, markScrollers);
offerGuessing();
markScrollers();
tellPlace();
