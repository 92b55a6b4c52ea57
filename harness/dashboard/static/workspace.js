// What is done about an execution: again, with another input, stopped, redriven, copied as a test.
import { say, send } from "./page.js";

const main = document.querySelector("#main");
const ADDRESSES = { again: "/again", edited: "/again", stop: "/stop", redrive: "/redrive" };
const FAILED = { again: "It was not started", edited: "It was not started", stop: "It was not stopped", redrive: "It was not redriven" };

function problem(text) {
  main.querySelector("#act-problem").textContent = text;
}

async function act(button) {
  const kind = button.dataset.act;
  const body = { execution: button.closest("#acts").dataset.execution };
  if (kind === "edited") body.input = main.querySelector("#edited").value;
  if (kind === "stop") body.cause = main.querySelector("#why-stop").value.trim();
  problem("");
  button.disabled = true;
  try {
    location.assign((await send(ADDRESSES[kind], body)).url);
  } catch (error) {
    problem(`${FAILED[kind]}: ${error.message}`);
  } finally {
    button.disabled = false;
  }
}

async function copy(link) {
  problem("");
  const answer = await fetch(link.href);
  const text = await answer.text();
  if (!answer.ok) {
    problem(text);
    return;
  }
  try {
    await navigator.clipboard.writeText(text);
    link.textContent = "Copied";
    say("The test is on the clipboard");
  } catch {
    location.assign(link.href); // no clipboard here: the text itself
  }
}

main.addEventListener("toggle", ({ target }) => target.id === "edit" && target.open && main.querySelector("#edited").focus(), true);
main.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (button) act(button);
  const link = event.target.closest("[data-copy]");
  if (link && !event.metaKey && !event.ctrlKey) {
    event.preventDefault();
    copy(link);
  }
});
