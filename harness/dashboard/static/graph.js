// Draws a state machine. Where boxes, lines and labels go is the Eclipse Layout Kernel's work (elkjs): a Map, a Parallel
// and each of its branches are boxes with boxes inside.

const SVG = "http://www.w3.org/2000/svg";
const FONT = 13;
export const SMALL = 12;
const PAD = 14;
const HEAD = 46;
const SIGNS = { RUNNING: "▶", SUCCEEDED: "✓", FAILED: "✕", ABORTED: "■", CAUGHT: "↷" };
const WORDS = { RUNNING: "running", SUCCEEDED: "succeeded", FAILED: "failed", ABORTED: "stopped", CAUGHT: "failed, caught" };
const SHAPES = { Choice: "◇", Parallel: "∥", Map: "⟳", Wait: "◷", Task: "▢", Pass: "→", Succeed: "✓", Fail: "✕" };
const pen = document.createElement("canvas").getContext("2d");
let drawings = 0;

let kernel = null;
const asked = new Map();

function layout(graph) {
  if (!kernel) {
    kernel = new Worker(new URL("./layout.js", import.meta.url));
    kernel.onmessage = ({ data: { id, plan, error } }) => {
      const [done, failed] = asked.get(id);
      asked.delete(id);
      if (error === undefined) done(plan);
      else failed(new Error(error));
    };
    kernel.onerror = () => asked.forEach(([, failed]) => failed(new Error("the graph library was not loaded")));
  }
  return new Promise((done, failed) => {
    const id = ++drawings;
    asked.set(id, [done, failed]);
    kernel.postMessage({ id, graph });
  });
}

export async function draw(place, graph) {
  if (!graph.nodes.length) {
    place.replaceChildren();
    return null;
  }
  const wait = document.createElement("p");
  wait.className = "soft";
  wait.textContent = "Drawing the state machine …";
  if (!place.querySelector("svg")) place.replaceChildren(wait);
  const plan = await layout(level(graph, "machine"));
  place.replaceChildren();
  const prefix = `drawing-${++drawings}`;
  const svg = make("svg", {
    viewBox: `-8 -8 ${plan.width + 16} ${plan.height + 16}`,
    width: plan.width + 16,
    height: plan.height + 16,
    role: "group",
    "aria-label": "State machine; the same is told as a list",
  });
  const tip = make("marker", { id: `${prefix}-tip`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" });
  tip.append(make("path", { d: "M0 0.5 L7.5 4 L0 7.5 z", class: "tip" }));
  const defs = make("defs");
  defs.append(tip);
  svg.append(defs);
  paint(svg, plan, `url(#${prefix}-tip)`);
  place.append(svg);
  place.boxes = new Map([...svg.querySelectorAll("[data-state]")].map((box) => [box.dataset.state, box]));
  return plan;
}

// Shows what became of each state; of one that was not reached, nothing.
export function colour(place, states) {
  for (const [name, box] of place.boxes ?? []) {
    const state = states[name];
    const status = state?.status ?? "";
    box.setAttribute("class", `box ${box.dataset.kind} ${status}${box.classList.contains("found") ? " found" : ""}`);
    let words = status ? WORDS[status] : state?.elsewhere ? "in child executions" : "";
    if (state?.waits) words = `failed, try ${state.tries + 1} is due`;
    else if (state?.tries > 1) words += `, ${state.tries} tries`;
    if (state?.steps > 1) words = count(state, words);
    box.querySelector(".sign").textContent = status ? SIGNS[status] : SHAPES[box.dataset.kind] ?? "";
    const told = box.querySelector(".told");
    told.textContent = words || told.dataset.what;
    const step = place.links?.[name];
    const link = box.querySelector("a");
    if (step) {
      link.setAttribute("href", `#step-${step}`);
      link.dataset.step = step;
    } else {
      link.removeAttribute("href");
      delete link.dataset.step;
    }
    link.setAttribute("aria-label", [name, box.dataset.kind, words || "not reached"].join(", "));
  }
}

// Of a state that was entered several times: short enough for its box.
function count({ status, done, failed, steps }, words) {
  const all = steps.toLocaleString("en");
  if (failed) return `${failed.toLocaleString("en")} of ${all} failed`;
  if (done === steps) return `${all} × ${words}`;
  return status === "RUNNING" ? `${done.toLocaleString("en")} of ${all} done` : `${words}, ${done.toLocaleString("en")} of ${all}`;
}

const OPTIONS = {
  "elk.algorithm": "layered",
  "elk.direction": "DOWN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.hierarchyHandling": "SEPARATE_CHILDREN",
  "elk.padding": "[top=0,left=0,bottom=0,right=0]",
  "elk.spacing.nodeNode": "28",
  "elk.spacing.edgeNode": "18",
  "elk.spacing.edgeEdge": "14",
  "elk.spacing.edgeLabel": "4",
  "elk.layered.spacing.nodeNodeBetweenLayers": "34",
  "elk.layered.spacing.edgeNodeBetweenLayers": "16",
  "elk.layered.cycleBreaking.strategy": "DEPTH_FIRST",
  "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
  "elk.layered.nodePlacement.strategy": "BRANDES_KOEPF",
  "elk.layered.nodePlacement.bk.fixedAlignment": "BALANCED",
};

// A level (the machine, a Map's items, a branch) as ELK reads it.
function level(graph, id, options = {}) {
  return {
    id,
    layoutOptions: { ...OPTIONS, ...options },
    children: graph.nodes.map((node) => shape(node)),
    edges: graph.edges.map((edge, number) => {
      const lines = wrap(edge.label, 26);
      const labels = lines.length ? [{ text: edge.label, lines, width: Math.max(...lines.map((line) => width(line, SMALL))) + 8, height: 14 * lines.length + 2, layoutOptions: { "elk.edgeLabels.inline": "true" } }] : [];
      return { id: `${id}/${number}`, sources: [edge.from], targets: [edge.to], labels, kind: edge.kind };
    }),
  };
}

function shape(node) {
  if (node.kind === "Start" || node.kind === "End") {
    const constraint = node.kind === "Start" ? "FIRST" : "LAST";
    return { id: node.id, node, width: 56, height: 24, layoutOptions: { "elk.layered.layering.layerConstraint": constraint } };
  }
  const lines = wrap(node.id, 36);
  const least = Math.max(...lines.map((line) => width(line, FONT, 600)), width(node.what, SMALL), 110) + 54;
  const head = HEAD + (lines.length - 1) * 17;
  if (!node.branches.length) return { id: node.id, node, lines, head, width: least, height: head + 6 };
  return {
    id: node.id,
    node,
    lines,
    head,
    layoutOptions: {
      "elk.algorithm": "box",
      "elk.box.packingMode": "SIMPLE",
      "elk.aspectRatio": "100",
      "elk.padding": `[top=${head},left=${PAD},bottom=${PAD},right=${PAD}]`,
      "elk.spacing.nodeNode": `${PAD}`,
      "elk.nodeSize.constraints": "MINIMUM_SIZE",
      "elk.nodeSize.minimum": `(${least},${head + PAD})`,
    },
    children: node.branches.map((branch, number) => level(branch, `${node.id}/branch ${number}`, { "elk.padding": `[top=${PAD},left=${PAD},bottom=${PAD},right=${PAD}]`, "elk.priority": `${node.branches.length - number}` })),
    edges: [],
  };
}

function paint(parent, plan, tip) {
  for (const edge of plan.edges) {
    for (const section of edge.sections ?? []) {
      parent.append(make("path", { d: path([section.startPoint, ...(section.bendPoints ?? []), section.endPoint]), class: `edge ${edge.kind}`, "marker-end": tip }));
    }
  }
  for (const child of plan.children) parent.append(box(child, tip));
  for (const edge of plan.edges) {
    for (const { x, y, width: wide, height: high, lines } of edge.labels) {
      const label = make("g", { class: `label ${edge.kind}`, transform: `translate(${x + wide / 2} ${y + high / 2})` });
      label.append(make("rect", { x: -wide / 2, y: -high / 2, width: wide, height: high, rx: 3 }));
      lines.forEach((line, row) => label.append(text(line, { x: 0, y: (row - (lines.length - 1) / 2) * 14 + 4, "text-anchor": "middle" })));
      parent.append(label);
    }
  }
}

function box(item, tip) {
  const { node, x, y, width: wide, height: high } = item;
  const group = make("g", { transform: `translate(${x} ${y})` });
  if (node.kind === "Start" || node.kind === "End") {
    group.setAttribute("class", "terminal");
    group.append(make("rect", { width: wide, height: high, rx: high / 2 }));
    group.append(text(node.kind.toLowerCase(), { x: wide / 2, y: high / 2 + 4, "text-anchor": "middle" }));
    return group;
  }
  group.setAttribute("class", `box ${node.kind}`);
  group.dataset.state = node.id;
  group.dataset.kind = node.kind;
  const link = make("a");
  link.append(make("rect", { width: wide, height: high, rx: node.kind === "Choice" ? 14 : 7, class: "frame" }));
  link.append(text(SHAPES[node.kind] ?? "", { x: 22, y: item.head / 2 + 8, "text-anchor": "middle", class: "sign" }));
  item.lines.forEach((line, row) => link.append(text(line, { x: 42, y: 21 + row * 17, class: "name" })));
  const told = text("", { x: 42, y: 21 + item.lines.length * 17, class: "told" });
  told.dataset.what = node.what || node.kind;
  link.append(told);
  const title = make("title");
  title.textContent = [node.id, node.kind, node.what, node.retries, node.comment].filter(Boolean).join("\n");
  link.append(title);
  group.append(link);
  for (const branch of item.children ?? []) {
    const lane = make("g", { transform: `translate(${branch.x} ${branch.y})` });
    lane.append(make("rect", { width: branch.width, height: branch.height, rx: 5, class: "lane" }));
    paint(lane, branch, tip);
    group.append(lane);
  }
  return group;
}

// A line through points, its corners rounded.
function path(points) {
  let d = `M${points[0].x} ${points[0].y}`;
  for (let i = 1; i < points.length - 1; i++) {
    const [before, at, after] = [points[i - 1], points[i], points[i + 1]];
    const into = towards(at, before), out = towards(at, after);
    d += ` L${into.x} ${into.y} Q${at.x} ${at.y} ${out.x} ${out.y}`;
  }
  const end = points[points.length - 1];
  return `${d} L${end.x} ${end.y}`;
}

function towards(from, to) {
  const far = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const share = Math.min(14, far / 2) / far;
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

function wrap(words, most) {
  if (!words) return [];
  const lines = [""];
  for (const word of words.match(/\S+\s*|\s+/g) ?? [words]) {
    for (const piece of word.match(new RegExp(`.{1,${most}}`, "g"))) {
      if (lines[lines.length - 1].length + piece.trimEnd().length > most && lines[lines.length - 1]) lines.push("");
      lines[lines.length - 1] += piece;
    }
  }
  const shown = lines.map((line) => line.trim()).filter(Boolean);
  return shown.length > 3 ? [...shown.slice(0, 2), `${shown[2].slice(0, most - 1)}…`] : shown;
}

function width(words, pixels, weight = 400) {
  pen.font = `${weight} ${pixels}px system-ui, sans-serif`;
  return Math.ceil(pen.measureText(words).width);
}

export function make(name, attributes = {}) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function text(words, attributes) {
  const element = make("text", attributes);
  element.textContent = words;
  return element;
}
