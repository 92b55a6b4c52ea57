// Draws a state machine. Where boxes and lines go is dagre's work: each level (the machine, a Map's items, a branch of a
// Parallel) is laid out by itself, for no line leads out of one, and then stands in the level around it as one box.
import { Graph, layout } from "./vendor/dagre/dagre.esm.js";

const SVG = "http://www.w3.org/2000/svg";
const FONT = 13;
const SMALL = 11;
const PAD = 14;
const HEAD = 46;
const SIGNS = { RUNNING: "▶", SUCCEEDED: "✓", FAILED: "✕", ABORTED: "■", CAUGHT: "↷" };
const WORDS = { RUNNING: "running", SUCCEEDED: "succeeded", FAILED: "failed", ABORTED: "stopped", CAUGHT: "failed, caught" };
const SHAPES = { Choice: "◇", Parallel: "∥", Map: "⟳", Wait: "◷", Task: "▢", Pass: "→", Succeed: "✓", Fail: "✕" };
const pen = document.createElement("canvas").getContext("2d");
let drawings = 0;

export function draw(place, graph) {
  place.replaceChildren();
  if (!graph.nodes.length) return;
  const plan = arrange(graph);
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
  paint(svg, plan, place, `url(#${prefix}-tip)`);
  place.append(svg);
  place.boxes = new Map([...svg.querySelectorAll("[data-state]")].map((box) => [box.dataset.state, box]));
}

// Shows what became of each state; of one that was not reached, nothing.
export function colour(place, states) {
  for (const [name, box] of place.boxes ?? []) {
    const state = states[name];
    const status = state?.status ?? "";
    box.setAttribute("class", `box ${box.dataset.kind} ${status}`);
    let words = status ? WORDS[status] : "";
    if (state?.waits) words = `failed, try ${state.tries + 1} is due`;
    else if (state?.tries > 1) words += `, ${state.tries} tries`;
    if (state?.steps > 1) words += ` (${state.done} of ${state.steps}${state.failed ? `, ${state.failed} failed` : ""})`;
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

function arrange(level) {
  const plan = new Graph({ multigraph: true });
  plan.setGraph({ rankdir: "TB", nodesep: 26, ranksep: 34, edgesep: 14, marginx: 0, marginy: 0 });
  plan.setDefaultEdgeLabel(() => ({}));
  const inner = new Map();
  for (const node of level.nodes) {
    const branches = node.branches.map(arrange);
    inner.set(node.id, branches);
    plan.setNode(node.id, { node, ...size(node, branches) });
  }
  level.edges.forEach((edge, number) => {
    const lines = wrap(edge.label, 26);
    const label = lines.length
      ? { lines, width: Math.max(...lines.map((line) => width(line, SMALL))) + 8, height: 14 * lines.length + 4, labelpos: "c" }
      : { lines, width: 0, height: 0 };
    plan.setEdge(edge.from, edge.to, { ...label, kind: edge.kind }, `${number}`);
  });
  layout(plan);
  const nodes = plan.nodes().map((id) => ({ ...plan.node(id), branches: inner.get(id) }));
  const edges = plan.edges().map((edge) => plan.edge(edge));
  // Lines and labels may go further out than the boxes.
  const xs = [], ys = [];
  for (const node of nodes) {
    xs.push(node.x - node.width / 2, node.x + node.width / 2);
    ys.push(node.y - node.height / 2, node.y + node.height / 2);
  }
  for (const edge of edges) {
    for (const point of edge.points) xs.push(point.x), ys.push(point.y);
    if (edge.lines.length) xs.push(edge.x - edge.width / 2, edge.x + edge.width / 2);
  }
  const left = Math.min(0, ...xs), top = Math.min(0, ...ys);
  return { nodes, edges, left, top, width: Math.max(0, ...xs) - left, height: Math.max(0, ...ys) - top };
}

function size(node, branches) {
  if (node.kind === "Start" || node.kind === "End") return { width: 56, height: 24 };
  const lines = wrap(node.id, 36);
  const own = Math.max(...lines.map((line) => width(line, FONT, 600)), width(node.what, SMALL), 110) + 54;
  const head = HEAD + (lines.length - 1) * 17;
  if (!branches.length) return { lines, head, width: own, height: head + 6 };
  const inside = branches.reduce((sum, branch) => sum + branch.width + 2 * PAD, PAD * (branches.length - 1));
  return {
    lines,
    head,
    width: Math.max(own, inside + 2 * PAD),
    height: head + Math.max(...branches.map((branch) => branch.height)) + 3 * PAD,
  };
}

function paint(parent, plan, place, tip) {
  const group = make("g", { transform: `translate(${-plan.left} ${-plan.top})` });
  for (const edge of plan.edges) group.append(make("path", { d: path(edge.points), class: `edge ${edge.kind}`, "marker-end": tip }));
  for (const node of plan.nodes) group.append(box(node, place, tip));
  for (const edge of plan.edges) {
    if (!edge.lines.length) continue;
    const label = make("g", { class: `label ${edge.kind}`, transform: `translate(${edge.x} ${edge.y})` });
    label.append(make("rect", { x: -edge.width / 2, y: -edge.height / 2, width: edge.width, height: edge.height, rx: 3 }));
    edge.lines.forEach((line, row) => label.append(text(line, { x: 0, y: (row - (edge.lines.length - 1) / 2) * 14 + 4, "text-anchor": "middle" })));
    group.append(label);
  }
  parent.append(group);
}

function box(item, place, tip) {
  const { node, x, y, width: wide, height: high } = item;
  const group = make("g", { transform: `translate(${x - wide / 2} ${y - high / 2})` });
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
  told.dataset.what = [node.what || node.kind].join("");
  link.append(told);
  const title = make("title");
  title.textContent = [node.id, node.kind, node.what, node.retries, node.comment].filter(Boolean).join("\n");
  link.append(title);
  group.append(link);
  if (item.branches.length) {
    const inside = item.branches.reduce((sum, branch) => sum + branch.width + 2 * PAD, PAD * (item.branches.length - 1));
    const tall = high - item.head - PAD;
    let at = (wide - inside) / 2;
    for (const branch of item.branches) {
      const cell = make("g", { transform: `translate(${at} ${item.head})`, class: "branch" });
      cell.append(make("rect", { width: branch.width + 2 * PAD, height: tall, rx: 5, class: "lane" }));
      const content = make("g", { transform: `translate(${PAD} ${PAD})` });
      paint(content, branch, place, tip);
      cell.append(content);
      group.append(cell);
      at += branch.width + 3 * PAD;
    }
  }
  return group;
}

// A line through dagre's points, its corners rounded.
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

function make(name, attributes = {}) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function text(words, attributes) {
  const element = make("text", attributes);
  element.textContent = words;
  return element;
}
