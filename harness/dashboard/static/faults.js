// Switches faults on and off.
import { refresh, say, send } from "./page.js";

const main = document.querySelector("#main");

async function change(button, body, words) {
  const problem = main.querySelector("[data-problem]");
  problem.textContent = "";
  try {
    await send("/faults", body);
    say(words);
    await refresh();
  } catch (error) {
    problem.textContent = `That did not work: ${error.message}`;
  }
}

main.addEventListener("click", ({ target }) => {
  const toggle = target.closest("[role=switch]");
  if (toggle) {
    const on = toggle.getAttribute("aria-checked") !== "true";
    const { kind, name, fault } = toggle.dataset;
    toggle.setAttribute("aria-checked", String(on));
    change(toggle, { kind, name, fault, on }, `${name}: ${on ? "fault switched on" : "fault switched off"}`);
  }
  const end = target.closest("[data-end]");
  if (end) change(end, { end: end.dataset.end ? Number(end.dataset.end) : null }, "ended");
});
