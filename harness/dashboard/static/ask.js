// Calls a function or an endpoint from its page, and shows the answer beside the button.
import { meta, refresh, say } from "./page.js";

const main = document.querySelector("#main");

async function ask(form) {
  const problem = form.querySelector("[data-problem]");
  const button = form.querySelector("[data-send]");
  const fields = Object.fromEntries([...form.querySelectorAll("[data-field]")].map((field) => [field.dataset.field, field.value]));
  const raw = form.querySelector("[data-body]");
  const file = form.querySelector("[data-file]")?.files[0];
  const headers = { "X-Harness-Token": meta("harness-token"), "Content-Type": raw ? "application/octet-stream" : "application/json" };
  const address = raw ? `${form.dataset.ask}?${new URLSearchParams(fields)}` : form.dataset.ask;
  problem.textContent = "";
  button.disabled = true;
  const words = button.textContent;
  button.textContent = "Waiting for the answer …";
  try {
    const answer = await fetch(address, { method: "POST", headers, body: raw ? file ?? raw.value : JSON.stringify(fields) });
    const text = await answer.text();
    if (!answer.ok) {
      problem.textContent = message(text);
      return;
    }
    const page = new DOMParser().parseFromString(text, "text/html");
    form.querySelector("[data-answer]").replaceChildren(...page.body.childNodes);
    refresh(); // its log and environments are other ones now
  } catch (error) {
    problem.textContent = `It was not called: ${error.message}`;
  } finally {
    button.disabled = false;
    button.textContent = words;
    say("answered");
  }
}

function message(text) {
  try {
    return JSON.parse(text).message;
  } catch {
    return text;
  }
}

main.addEventListener("click", ({ target }) => {
  if (target.closest("[data-send]")) ask(target.closest("[data-ask]"));
});
main.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.closest("[data-ask]")) ask(event.target.closest("[data-ask]"));
});
