// A drawing that is larger than its place: zoomed, moved, fitted, searched, followed as it runs, with a map of the whole.
// It scrolls as any element does, so that keys, wheels and fingers move it; a mouse also drags it.
import { SMALL, make } from "./graph.js";

const LEAST = 11; // pixels that a label has to be read
const STEP = 1.25;
const BOUNDS = [0.05, 3];
const MAP = { width: 96, height: 220, least: 34, share: 0.6 };
// The map: how large, and from which share of the drawing that is seen it is of no use.
const FIRST = ["RUNNING", "FAILED", "ABORTED"];

// The boxes of a plan with their places in the whole drawing.
function places(plan, x = 8, y = 8, found = []) {
  for (const child of plan.children ?? []) {
    const at = { x: x + child.x, y: y + child.y, width: child.width, height: child.height };
    if (child.lines) found.push({ name: child.id, holds: Boolean(child.children?.length), ...at });
    places(child, at.x, at.y, found);
  }
  return found;
}

export class Viewport {
  constructor(figure, plan) {
    this.canvas = figure.querySelector("[data-graph]");
    this.tools = figure.querySelector("[data-tools]");
    this.map = figure.querySelector("[data-map]");
    this.svg = this.canvas.querySelector("svg");
    this.width = plan.width + 16;
    this.height = plan.height + 16;
    this.boxes = places(plan);
    this.follows = true;
    this.fitted = false;
    this.found = [];
    this.scale = 1;
    this.drawMap();
    if (!this.tools.ready) this.listen(figure);
    this.tools.ready = true;
    this.tools.hidden = false;
    this.fit(false);
    if (this.scale * SMALL < LEAST) this.zoom(1, 0, 0);
  }

  // The scale at which all of it is seen, never larger than it was drawn.
  get whole() {
    const high = parseFloat(getComputedStyle(this.canvas).maxHeight) || innerHeight;
    return Math.min(1, Math.max(1, this.canvas.clientWidth - 2) / this.width, Math.max(1, high - 2) / this.height);
  }

  fit() {
    this.zoom(this.whole, 0, 0);
    this.fitted = true;
  }

  // Zooms; what is at (x, y) of the place, its middle unless said, stays there.
  zoom(scale, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const { canvas } = this;
    const next = Math.min(Math.max(scale, Math.min(BOUNDS[0], this.whole)), BOUNDS[1]);
    const share = [(canvas.scrollLeft + x) / this.scale, (canvas.scrollTop + y) / this.scale];
    this.scale = next;
    this.fitted = false;
    this.svg.style.width = `${this.width * next}px`;
    this.svg.style.height = `${this.height * next}px`;
    canvas.scrollTo({ left: share[0] * next - x, top: share[1] * next - y, behavior: "instant" });
    this.tell();
  }

  // Says how large it is shown, and where its labels cannot be read.
  tell() {
    const { tools, canvas } = this;
    const percent = `${Math.round(this.scale * 100)} %`;
    tools.querySelector("[data-zoom=actual]").textContent = percent;
    const small = this.scale * SMALL < LEAST;
    const words = tools.querySelector("[data-small]");
    words.hidden = !small;
    if (small) words.textContent = `Zoomed out to ${percent}: labels are smaller than ${LEAST} pixels.`;
    tools.querySelector("[data-zoom=fit]").disabled = Math.abs(this.whole - this.scale) < 0.005;
    const part = canvas.scrollWidth > canvas.clientWidth + 1 || canvas.scrollHeight > canvas.clientHeight + 1;
    const seen = Math.min(1, canvas.clientWidth / (this.width * this.scale)) * Math.min(1, canvas.clientHeight / (this.height * this.scale));
    this.map.toggleAttribute("hidden", seen > MAP.share);
    canvas.classList.toggle("part", part);
    this.frame();
  }

  drawMap() {
    const scale = Math.min(MAP.width / this.width, MAP.height / this.height);
    this.map.replaceChildren();
    this.map.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.map.setAttribute("width", Math.max(this.width * scale, MAP.least));
    this.map.setAttribute("height", Math.max(this.height * scale, MAP.least));
    this.dots = new Map(this.boxes.map(({ name, x, y, width, height }) => [name, make("rect", { x, y, width, height })]));
    for (const { name, holds } of this.boxes) if (holds) this.dots.get(name).dataset.holds = "";
    this.glass = make("rect", { class: "glass" });
    this.map.append(...this.dots.values(), this.glass);
  }

  // The part that is seen, on the map.
  frame() {
    const { canvas, scale, glass } = this;
    const values = { x: canvas.scrollLeft, y: canvas.scrollTop, width: canvas.clientWidth, height: canvas.clientHeight };
    for (const [name, value] of Object.entries(values)) glass.setAttribute(name, value / scale);
  }

  // After states have changed: the map's colours, and what runs in sight.
  coloured() {
    let going = false;
    for (const [name, box] of this.canvas.boxes) {
      const status = [...FIRST, "SUCCEEDED", "CAUGHT"].find((each) => box.classList.contains(each)) ?? "";
      going ||= status === "RUNNING";
      this.dots.get(name)?.setAttribute("class", status);
    }
    const button = this.tools.querySelector("[data-follow]");
    button.hidden = !going;
    button.setAttribute("aria-pressed", String(this.follows));
    if (this.follows) this.show(FIRST.map((status) => this.last(status)).find(Boolean));
    if (!going && this.canvas.boxes.size) this.follows = false; // what has ended stays where it is looked at
  }

  // The reader has moved it: it stays there.
  rest() {
    this.follows = false;
    this.tools.querySelector("[data-follow]").setAttribute("aria-pressed", "false");
  }

  // Of a status, the innermost box that is drawn last.
  last(status) {
    const those = this.boxes.filter(({ name }) => this.dots.get(name)?.classList.contains(status));
    return those.filter(({ holds }) => !holds).pop() ?? those.pop();
  }

  // Moves a box to the middle, unless it is seen.
  show(box) {
    const { canvas, scale } = this;
    if (!box) return;
    const [left, top] = [box.x * scale, box.y * scale];
    const seen = left >= canvas.scrollLeft && top >= canvas.scrollTop && left + box.width * scale <= canvas.scrollLeft + canvas.clientWidth && top + box.height * scale <= canvas.scrollTop + canvas.clientHeight;
    if (seen) return;
    canvas.scrollTo({ left: left + (box.width * scale - canvas.clientWidth) / 2, top: top + (box.height * scale - canvas.clientHeight) / 2, behavior: "instant" });
  }

  find(words, step) {
    const part = words.trim().toLowerCase();
    const names = part ? this.boxes.filter(({ name }) => name.toLowerCase().includes(part)) : [];
    this.at = step && names.length ? (this.at + step + names.length) % names.length : 0;
    this.found = names;
    for (const [name, box] of this.canvas.boxes) box.classList.toggle("found", names.some((each) => each.name === name));
    this.tools.querySelector("[data-found]").textContent = part ? (names.length ? `${this.at + 1} of ${names.length}` : "none") : "";
    if (!names.length) return;
    this.rest();
    if (this.scale * SMALL < LEAST) this.zoom(1);
    this.show(names[this.at]);
  }

  listen(figure) {
    const current = () => this.canvas.viewport;
    this.tools.addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (!button) return;
      const view = current();
      const { zoom } = button.dataset;
      if (zoom === "fit") view.fit();
      if (zoom === "actual") view.zoom(1);
      if (zoom === "in" || zoom === "out") view.zoom(view.scale * (zoom === "in" ? STEP : 1 / STEP));
      if ("follow" in button.dataset) {
        view.follows = !view.follows;
        view.coloured();
      }
    });
    const find = this.tools.querySelector("[data-find]");
    find.addEventListener("input", () => current().find(find.value));
    find.addEventListener("keydown", (event) => {
      if (event.key === "Enter") current().find(find.value, event.shiftKey ? -1 : 1);
      if (event.key === "Escape") current().find((find.value = ""));
    });
    this.canvas.addEventListener("keydown", (event) => {
      const view = current();
      const keys = { "+": () => view.zoom(view.scale * STEP), "=": () => view.zoom(view.scale * STEP), "-": () => view.zoom(view.scale / STEP), 0: () => view.zoom(1), f: () => view.fit() };
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key.startsWith("Arrow") || event.key.startsWith("Page")) view.rest();
      if (!keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
    this.canvas.addEventListener("wheel", (event) => {
      const view = current();
      view.rest();
      if (!event.ctrlKey) return;
      event.preventDefault();
      const place = this.canvas.getBoundingClientRect();
      view.zoom(view.scale * Math.exp(-event.deltaY / 300), event.clientX - place.left, event.clientY - place.top);
    }, { passive: false });
    this.canvas.addEventListener("scroll", () => current().frame(), { passive: true });
    drag(this.canvas, (start, dx, dy) => {
      current().rest();
      this.canvas.scrollTo({ left: start.left - dx, top: start.top - dy, behavior: "instant" });
    });
    const jump = ({ clientX, clientY }) => {
      const view = current();
      const map = this.map.getBoundingClientRect();
      const [x, y] = [(clientX - map.left) / map.width, (clientY - map.top) / map.height];
      view.rest();
      view.canvas.scrollTo({ left: x * view.width * view.scale - view.canvas.clientWidth / 2, top: y * view.height * view.scale - view.canvas.clientHeight / 2, behavior: "instant" });
    };
    this.map.addEventListener("pointerdown", (event) => {
      this.map.setPointerCapture(event.pointerId);
      jump(event);
    });
    this.map.addEventListener("pointermove", (event) => event.buttons && jump(event));
    addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.target.matches("input, textarea, select") || !figure.isConnected) return;
      event.preventDefault();
      find.focus();
    });
    new ResizeObserver(() => {
      const view = current();
      if (!this.canvas.clientWidth) return; // it is not shown
      if (view?.fitted) view.fit();
      else view?.tell();
    }).observe(this.canvas);
  }
}

// A mouse that drags; what begins as a drag ends as no click.
function drag(place, move) {
  let from = null;
  place.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button !== 0) return;
    from = { x: event.clientX, y: event.clientY, left: place.scrollLeft, top: place.scrollTop, far: false };
  });
  place.addEventListener("pointermove", (event) => {
    if (!from || !event.buttons) return;
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    if (!from.far && Math.hypot(dx, dy) < 5) return;
    if (!from.far) place.setPointerCapture(event.pointerId);
    from.far = true;
    place.classList.add("dragged");
    move(from, dx, dy);
  });
  addEventListener("pointerup", () => {
    place.classList.remove("dragged");
    setTimeout(() => (from = null));
  });
  place.addEventListener("click", (event) => {
    if (!from?.far) return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
  place.addEventListener("dragstart", (event) => event.preventDefault());
}
