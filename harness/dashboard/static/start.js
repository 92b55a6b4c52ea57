// Starts executions: with a picture of the bucket, with one that is dropped here, or with an input as JSON.
import { meta, say, send } from "./page.js";

const panel = document.querySelector("#start");
const place = panel.querySelector("[data-start]");
const root = meta("harness-root");

async function show() {
  panel.shown = panel.dataset.machine;
  const answer = await fetch(`${root}/start?machine=${encodeURIComponent(panel.dataset.machine)}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  place.replaceChildren(...(answer.ok ? page.body.childNodes : page.querySelector("#main").childNodes));
}

function choose(key, bucket, from) {
  const choices = place.querySelector(".choices");
  const input = place.querySelector("textarea");
  let given = {};
  try {
    given = JSON.parse(input.value);
  } catch {
    given = {};
  }
  given[choices.dataset.bucketMember] = bucket;
  given[choices.dataset.keyMember] = key;
  input.value = JSON.stringify(given, null, 2);
  place.querySelector("[data-chosen]").textContent = `with ${from}`;
  problem("");
}

function problem(text) {
  place.querySelector("[data-problem]").textContent = text;
}

async function take(file) {
  problem("");
  if (!file) return;
  const choices = place.querySelector(".choices");
  try {
    const put = await send(`/pictures?bucket=${encodeURIComponent(choices.dataset.bucket)}`, file, { "Content-Type": "application/octet-stream" });
    for (const radio of choices.querySelectorAll("input")) radio.checked = false;
    let own = choices.querySelector(".own");
    if (!own) {
      own = document.createElement("label");
      own.className = "choice own";
      own.innerHTML = '<input type="radio" name="picture"><img width="48" height="48">';
      choices.querySelector("legend").after(own);
    }
    own.querySelector("input").value = put.key;
    own.querySelector("input").checked = true;
    own.querySelector("img").src = put.url;
    own.querySelector("img").alt = `${file.name}, your own`;
    own.scrollIntoView({ block: "nearest", inline: "nearest" });
    choose(put.key, put.bucket, file.name);
    say(`${file.name} is chosen`);
  } catch (error) {
    problem(`${file.name} cannot be taken: ${error.message}`);
  }
}

async function go(button) {
  problem("");
  button.disabled = true;
  try {
    const started = await send("/start", { machine: button.dataset.machine, input: place.querySelector("textarea").value });
    location.assign(started.url);
  } catch (error) {
    problem(`It was not started: ${error.message}`);
    button.disabled = false;
  }
}

panel.addEventListener("change", ({ target }) => {
  if (target.name === "picture") choose(target.value, place.querySelector(".choices").dataset.bucket, target.value);
  if (target.type === "file") take(target.files[0]);
});
panel.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-go]");
  if (button) go(button);
});
for (const kind of ["dragenter", "dragover"]) {
  panel.addEventListener(kind, (event) => {
    if (!place.querySelector("[data-drop]")) return;
    event.preventDefault();
    panel.classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) panel.addEventListener(kind, () => panel.classList.remove("over"));
panel.addEventListener("drop", (event) => {
  if (!place.querySelector("[data-drop]")) return;
  event.preventDefault();
  take(event.dataTransfer.files[0]);
});
addEventListener("pageshow", (event) => {
  if (event.persisted) show();
});
// Another machine may be the one that is shown now.
new MutationObserver(() => panel.dataset.machine !== panel.shown && show()).observe(panel, { attributeFilter: ["data-machine"] });
show();
