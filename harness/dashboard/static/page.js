// Keeps a page up to date: told by server-sent events that something has changed, it fetches the page as the server now
// writes it and changes what differs, so that the reader's place, focus and opened details stay.
import { draw, colour } from "./graph.js";
import { gone, here, note } from "./presence.js";
import { Viewport } from "./viewport.js";

const main = document.querySelector("#main");
const topic = meta("harness-watch");
const root = meta("harness-root");
const said = document.querySelector("#said");
let stream = null;
let running = false;
let again = false;
let spoken = "";
let states = {};

export function meta(name) {
  return document.querySelector(`meta[name="${name}"]`)?.content ?? "";
}

// To a screen reader: what comes close together is said together.
let sayings = [];
let quiet = 0;
export function say(text) {
  sayings.push(text);
  said.textContent = sayings.join(". ");
  clearTimeout(quiet);
  quiet = setTimeout(() => (sayings = []), 1500);
}

function headline() {
  const place = main.querySelector("[data-say]");
  return (place?.dataset.say || place?.textContent || "").replace(/\s+/g, " ").trim();
}

// Sends a change; gives the answer, or throws with the server's words.
export async function send(path, body, headers = { "Content-Type": "application/json" }) {
  const answer = await fetch(`${root}${path}`, {
    method: "POST",
    headers: { ...headers, "X-Harness-Token": meta("harness-token") },
    body: body instanceof Blob ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  let read = {};
  try {
    read = JSON.parse(text);
  } catch {
    read = { message: text };
  }
  if (!answer.ok) throw new Error(read.message || `the server answered ${answer.status}`);
  return read;
}

// Shows this page as it is now, under the address as it is now.
export async function refresh() {
  if (running) {
    again = true;
    return;
  }
  running = true;
  try {
    do {
      again = false;
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.querySelector("#main");
      if (!next) return;
      if (answer.status === 502) {
        gone("The emulator does not answer.", true);
        return;
      }
      if (page.title) document.title = page.title;
      const token = document.querySelector('meta[name="harness-token"]');
      if (token) token.content = page.querySelector('meta[name="harness-token"]')?.content ?? token.content;
      note(page);
      change(next);
      here();
    } while (again);
  } catch {
    gone("The server does not answer.");
  } finally {
    running = false;
  }
}

function change(next) {
  Idiomorph.morph(main, next.innerHTML, {
    morphStyle: "innerHTML",
    // What is being typed stays; of a button or a summary that has the focus, all that is inside may change.
    ignoreActiveValue: document.activeElement?.matches("input, textarea, select") ?? false,
    callbacks: {
      beforeNodeMorphed(before, after) {
        if (!(before instanceof Element)) return true;
        if (before.hasAttribute("data-keep")) {
          // Drawn or filled here; only what it is of can change.
          for (const { name, value } of after.attributes ?? []) {
            if (name.startsWith("data-") && before.getAttribute(name) !== value) before.setAttribute(name, value);
          }
          return false;
        }
        return !before.isEqualNode(after);
      },
      beforeAttributeUpdated(name, node, kind) {
        if (name === "open" && node.tagName === "DETAILS") return kind === "update" && !node.dataset.touched;
        return !(name === "value" && node === document.activeElement);
      },
    },
  });
  settle();
  const now = headline();
  if (now !== spoken) say(now);
  spoken = now;
}

// After each change: drawings, logs of opened steps.
function settle() {
  for (const figure of main.querySelectorAll(".drawing")) {
    const canvas = figure.querySelector("[data-graph]");
    const data = figure.querySelector("[data-graph-data]").textContent;
    const now = JSON.parse(figure.querySelector("[data-graph-states]").textContent);
    if (canvas.drawn !== data) {
      const { graph, links } = JSON.parse(data);
      if (canvas.shape !== JSON.stringify(graph)) place(figure, canvas, graph);
      canvas.shape = JSON.stringify(graph);
      canvas.links = links;
      canvas.drawn = data;
    }
    states = now;
    paint(canvas, now);
  }
  for (const details of main.querySelectorAll("details[data-step-details][open]")) readLogs(details);
  for (const details of main.querySelectorAll("details[data-source][open]")) read(details);
}

async function place(figure, canvas, graph) {
  try {
    const plan = await draw(canvas, graph);
    if (!plan) return;
    canvas.viewport = new Viewport(figure, plan);
    paint(canvas, states);
  } catch (error) {
    canvas.textContent = `It cannot be drawn: ${error.message}`;
  }
}

function paint(canvas, now) {
  colour(canvas, now);
  if (canvas.boxes) canvas.viewport?.coloured();
}

// What is opened is read then.
async function read(details) {
  if (details.shown === details.dataset.version) return;
  details.shown = details.dataset.version;
  const inside = details.querySelector(":scope > div");
  try {
    const answer = await fetch(details.dataset.source);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    inside.replaceChildren(...(answer.ok ? page.body.childNodes : page.querySelector("#main")?.childNodes ?? []));
  } catch {
    details.shown = null;
  }
}

async function readLogs(details, anew = false) {
  const place = details.querySelector(":scope > .inside > [data-logs]");
  if (!place || (!anew && place.shown === place.dataset.logsVersion)) return;
  place.shown = place.dataset.logsVersion;
  try {
    const answer = await fetch(place.dataset.logs);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    place.replaceChildren(...page.body.childNodes);
    if (place.textContent.includes("Nothing yet") && !anew) setTimeout(() => readLogs(details, true), 2500);
  } catch {
    place.shown = null;
  }
}

// While the page is looked at; a browser opens few connections to a server, and a hidden tab needs none.
function listen() {
  if (!topic || stream || document.hidden) return;
  stream = new EventSource(`${root}/watch?topic=${encodeURIComponent(topic)}`);
  stream.onopen = () => main.querySelector("[data-away]") ?? here();
  stream.onmessage = ({ data }) => {
    const told = JSON.parse(data);
    if (told.trouble) {
      gone("The emulator does not answer.", true);
      return;
    }
    if (main.querySelector("[data-away]")) {
      location.reload(); // the page was asked for while it was away
      return;
    }
    if (told.states) tell(told.states);
    document.dispatchEvent(new CustomEvent("harness-change", { detail: told }));
    refresh(); // at the first, too: something may have changed between the page and its stream
  };
  stream.onerror = () => {
    gone("The server does not answer.");
    if (stream.readyState === EventSource.CLOSED) {
      stream = null;
      setTimeout(listen, 3000);
    }
  };
}

function tell(now) {
  if (main.querySelector("[data-picked]")) return; // one item of a Map may be shown: the page that follows has its states
  const words = { RUNNING: "is running", SUCCEEDED: "succeeded", FAILED: "failed", CAUGHT: "failed, and was caught" };
  const news = Object.entries(now).filter(([name, state]) => states[name]?.status !== state && words[state]);
  for (const canvas of main.querySelectorAll("[data-graph]")) {
    for (const [name, state] of news) states[name] = { steps: 1, ...states[name], status: state };
    paint(canvas, states);
  }
  if (news.length) say(news.slice(-3).map(([name, state]) => `${name} ${words[state]}`).join(", "));
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    stream?.close();
    stream = null;
  } else {
    listen();
  }
});
addEventListener("pagehide", () => stream?.close());
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  stream = null;
  listen();
});

main.addEventListener(
  "toggle",
  ({ target }) => {
    if (target.matches?.("details[data-step-details]") && target.open) readLogs(target);
    if (target.matches?.("details[data-source]") && target.open) read(target);
  },
  true,
);
main.addEventListener("click", (event) => {
  const summary = event.target.closest("summary");
  if (summary) summary.parentElement.dataset.touched = "yes";
  const inPlace = event.target.closest("a[data-in-place]");
  if (inPlace && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
    event.preventDefault();
    history.pushState(null, "", inPlace.href);
    refresh();
  }
  const link = event.target.closest("[data-step]");
  if (link) {
    event.preventDefault();
    open(link.dataset.step);
  }
  if (event.target.closest("[data-read-again]")) readLogs(event.target.closest("details"), true);
});

// A step, from its box in the drawing or from a link.
export function open(number) {
  const details = main.querySelector(`details[data-step-details="${CSS.escape(number)}"]`);
  if (!details) return;
  details.open = true;
  details.dataset.touched = "yes";
  history.replaceState(history.state, "", `#step-${number}`);
  details.querySelector("summary").focus({ preventScroll: true });
  details.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

// The filters work as a plain form; here they take effect as they are set.
let typing = 0;
function filtered(form) {
  const wanted = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) wanted.set(name, value);
  const address = `${form.getAttribute("action")}${wanted.size ? `?${wanted}` : ""}`;
  history.replaceState(null, "", address);
  refresh();
}
main.addEventListener("input", ({ target }) => {
  const form = target.closest("form.filters");
  if (!form) return;
  clearTimeout(typing);
  typing = setTimeout(() => filtered(form), target.type === "search" ? 200 : 0);
});
main.addEventListener("submit", (event) => {
  if (!event.target.matches("form.filters")) return;
  event.preventDefault();
  filtered(event.target);
});

addEventListener("popstate", refresh);

note();
const linked = /^#step-(\d+)$/.exec(location.hash);
if (linked) open(linked[1]);
spoken = headline();
settle();
listen();
if (main.querySelector("[data-start]")) import("./start.js");
if (main.querySelector("#captures")) import("./captures.js");
if (main.querySelector("[role=switch]")) import("./faults.js");
if (main.querySelector("#acts")) import("./workspace.js");
if (main.querySelector("[data-ask]")) import("./ask.js");
