// The captures in a chart, with a threshold that can be moved. uPlot has the axes; the marks are drawn in two shapes.
const panel = document.querySelector("#captures");
const range = panel.querySelector("#threshold");
const number = panel.querySelector("#threshold-number");
const place = panel.querySelector("#chart");
const dark = matchMedia("(prefers-color-scheme: dark)");
let limit = Number(panel.dataset.threshold);
let data = null;
let chart = null;

const percent = (share) => `${(100 * share).toFixed(1)} %`;
// Three decimals, or as many as keep a number on its side of the threshold.
function shown(value) {
  for (let decimals = 3; decimals < 10; decimals++) {
    const text = value.toFixed(decimals);
    if (Number(text) > limit === value > limit) return text;
  }
  return String(value);
}
const executionOf = (time, confidence) => `${panel.dataset.execution}?time=${time}&confidence=${confidence}`;

async function load() {
  const answer = await fetch(panel.dataset.source);
  if (!answer.ok) return;
  data = await answer.json();
  const least = Math.floor(100 / data.classes) / 100; // the likeliest of two classes has a half at least
  range.min = String(least);
  show();
}

function show() {
  count();
  unsure();
  plot();
}

function count() {
  const all = data.confidence.length;
  const passing = data.confidence.filter((value) => value > limit).length;
  const words = panel.querySelector("#passed");
  if (!all) {
    words.textContent = "Nothing was captured yet.";
  } else {
    words.textContent = `Above ${limit.toFixed(3)}, ${passing.toLocaleString("en")} of ${all.toLocaleString("en")} (${percent(passing / all)}) would pass, and ${(all - passing).toLocaleString("en")} would not.`;
  }
  rightness();
  const classes = new Map();
  data.predicted.forEach((name, i) => {
    const row = classes.get(name) ?? { passes: 0, all: 0 };
    row.all += 1;
    row.passes += data.confidence[i] > limit;
    classes.set(name, row);
  });
  const rows = [...classes].sort(([a], [b]) => a.localeCompare(b)).map(([name, { passes, all: many }]) => {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    row.append(head);
    for (const value of [passes, many - passes, `${percent(passes / many)} of ${many.toLocaleString("en")}`]) {
      const cell = document.createElement("td");
      cell.className = "number";
      cell.textContent = value.toLocaleString("en");
      row.append(cell);
    }
    return row;
  });
  panel.querySelector("#classes").replaceChildren(...rows);
  const notes = [];
  if (data.unread) notes.push(`${data.unread} older files are not shown.`);
  if (data.skipped) notes.push(`${data.skipped} records have no list of probabilities and are left out.`);
  panel.querySelector("#capture-notes").textContent = notes.join(" ");
}

// Of distinct images whose true class is known: how many pass, and how right these are.
function rightness() {
  const seen = new Map();
  data.label.forEach((label, i) => label && seen.set(`${data.image[i]} ${data.predicted[i]}`, i));
  const known = [...seen.values()];
  const passing = known.filter((i) => data.confidence[i] > limit);
  const right = passing.filter((i) => data.label[i] === data.predicted[i]).length;
  const words = panel.querySelector("#right");
  if (!known.length) {
    words.textContent = "How right they are is not known: no captured image is in the bucket under a name that says its class.";
    return;
  }
  const accuracy = passing.length ? `${percent(right / passing.length)} (${right} of ${passing.length})` : "none of 0";
  words.textContent = `Accuracy of what passes: ${accuracy}. Coverage: ${percent(passing.length / known.length)} (${passing.length} of ${known.length} distinct images of known class).`;
}

const BAR = 0.02;

// Bars beside the chart, on its scale; one begins at the threshold, so that none is on both sides.
function density(u) {
  const svg = panel.querySelector("#density");
  const { min, max } = u.scales.y;
  const top = u.bbox.top / devicePixelRatio, height = u.bbox.height / devicePixelRatio;
  const y = (value) => top + (height * (max - value)) / (max - min);
  const bars = new Map();
  for (const value of data.confidence) {
    const number = value > limit ? Math.ceil((value - limit) / BAR - 1e-9) : -Math.floor((limit - value) / BAR + 1e-9);
    bars.set(number, (bars.get(number) ?? 0) + 1);
  }
  const most = Math.max(1, ...bars.values());
  const shapes = [...bars].map(([number, many]) => {
    const [low, high] = [limit + (number - 1) * BAR, Math.min(1, limit + number * BAR)];
    const bar = document.createElementNS(svg.namespaceURI, "rect");
    bar.setAttribute("class", number > 0 ? "passes" : "fails");
    bar.setAttribute("x", "4");
    bar.setAttribute("y", y(high));
    bar.setAttribute("width", (112 * many) / most);
    bar.setAttribute("height", Math.max(1, y(low) - y(high) - 1));
    const title = document.createElementNS(svg.namespaceURI, "title");
    title.textContent = `${low.toFixed(3)} to ${high.toFixed(3)}: ${many.toLocaleString("en")}`;
    bar.append(title);
    return bar;
  });
  const line = document.createElementNS(svg.namespaceURI, "line");
  for (const [name, value] of Object.entries({ x1: 0, x2: 120, y1: y(limit), y2: y(limit) })) line.setAttribute(name, value);
  svg.replaceChildren(...shapes, line);
  const passing = data.confidence.filter((value) => value > limit).length;
  svg.setAttribute("aria-label", `How many predictions have which confidence: ${passing} above ${limit.toFixed(3)}, ${data.confidence.length - passing} not.`);
}

function unsure() {
  const items = data.unsure.map(({ confidence, predicted, image, label, times, time }) => {
    const item = document.createElement("li");
    item.className = confidence > limit ? "passes" : "fails";
    const link = document.createElement("a");
    link.href = executionOf(time, confidence);
    item.append(link);
    if (image) {
      const picture = document.createElement("img");
      picture.src = image;
      picture.alt = "";
      picture.width = picture.height = 64;
      link.append(picture);
    }
    const words = document.createElement("span");
    words.textContent = predicted;
    const more = document.createElement("small");
    more.textContent = [label && label !== predicted ? `wrong: ${label}` : "", times > 1 ? `× ${times}` : ""].filter(Boolean).join(", ");
    const sure = document.createElement("small");
    sure.textContent = `${confidence > limit ? "✓" : "✕"} ${shown(confidence)}`;
    sure.title = confidence > limit ? "passes" : "does not pass";
    link.append(words);
    item.append(sure, more);
    return item;
  });
  panel.querySelector("#unsure").replaceChildren(...items);
}

function columns() {
  return [data.time, data.confidence.map((value) => (value > limit ? value : null)), data.confidence.map((value) => (value > limit ? null : value))];
}


// light-dark() is resolved in a property that takes a colour.
function ink(name) {
  const probe = document.createElement("span");
  probe.className = `ink-${name}`;
  panel.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function marks(shape) {
  return (u, series, from, to) => {
    const path = new Path2D();
    const r = 4 * devicePixelRatio;
    for (let i = from; i <= to; i++) {
      const value = u.data[series][i];
      if (value == null) continue;
      const x = u.valToPos(u.data[0][i], "x", true), y = u.valToPos(value, "y", true);
      if (shape === "circle") {
        path.moveTo(x + r, y);
        path.arc(x, y, r, 0, 2 * Math.PI);
      } else {
        path.moveTo(x - r, y - r);
        path.lineTo(x + r, y + r);
        path.moveTo(x + r, y - r);
        path.lineTo(x - r, y + r);
      }
    }
    return shape === "circle" ? { fill: path, stroke: null } : { stroke: path, fill: null };
  };
}

// The times that there are (in order), with room beside them; of a moment alone, some seconds around it.
function span(u) {
  const now = Date.now() / 1000;
  const first = u.data[0][0] ?? now - 60;
  const last = u.data[0][u.data[0].length - 1] ?? now;
  const room = Math.max(5, (last - first) * 0.03);
  return [first - room, last + room];
}

const DAY = 86400;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, DAY, 2 * DAY, 7 * DAY, 30 * DAY, 90 * DAY, 365 * DAY];

function times(u, values) {
  const days = values[values.length - 1] - values[0] > DAY;
  let before = "";
  return values.map((value) => {
    const text = new Date(value * 1000).toISOString();
    const [day, time] = [text.slice(5, 10), text.slice(11, (values[1] ?? u.scales.x.max) - (values.length > 1 ? values[0] : u.scales.x.min) < 60 ? 19 : 16)];
    const shown = days && day !== before ? `${time}\n${day}` : time;
    before = day;
    return shown;
  });
}

function plot() {
  if (chart) {
    chart.setData(columns());
    return;
  }
  const good = ink("good"), bad = ink("bad"), text = ink("text"), line = ink("line");
  const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line }, font: "12px system-ui, sans-serif" };
  chart = new uPlot(
    {
      width: place.clientWidth,
      height: 320,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { show: false } },
      scales: {
        x: { time: true, range: span },
        y: { range: (u, low) => [Math.min(Number(range.min), low ?? 0.5) - 0.02, 1.02] },
      },
      axes: [{ ...axis, space: (u, axis, low, high, wide) => (wide > 300 ? 84 : 64), incrs: STEPS, label: "time of inference (UTC)", labelFont: "12px system-ui, sans-serif", values: times }, { ...axis, label: "confidence (probability, 0 to 1)", labelFont: "12px system-ui, sans-serif", size: 56, values: (u, values) => values.map((value) => value.toFixed(2)) }],
      series: [
        {},
        { label: "passes", stroke: good, fill: good, width: 0, paths: marks("circle"), points: { show: false } },
        { label: "does not", stroke: bad, width: 2, paths: marks("cross"), points: { show: false } },
      ],
      hooks: {
        draw: [
          density,
          (u) => {
            const y = u.valToPos(limit, "y", true);
            u.ctx.save();
            u.ctx.strokeStyle = text;
            u.ctx.lineWidth = 1.5 * devicePixelRatio;
            u.ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
            u.ctx.beginPath();
            u.ctx.moveTo(u.bbox.left, y);
            u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
            u.ctx.stroke();
            u.ctx.restore();
          },
        ],
      },
    },
    columns(),
    place,
  );
  drag(chart);
}

// The line can be taken in the chart as well.
function drag(u) {
  let held = false;
  let from = null;
  const to = (event) => {
    const { top } = u.over.getBoundingClientRect();
    set(u.posToVal(event.clientY - top, "y"));
  };
  u.over.addEventListener("pointerdown", (event) => {
    held = true;
    from = [event.clientX, event.clientY];
    u.over.setPointerCapture(event.pointerId);
  });
  u.over.addEventListener("pointermove", (event) => {
    if (held && Math.hypot(event.clientX - from[0], event.clientY - from[1]) > 3) to(event);
    if (!held) u.over.style.cursor = markAt(u, event) < 0 ? "" : "pointer";
  });
  // A click on a mark leads to its execution; anywhere else it sets the threshold.
  u.over.addEventListener("pointerup", (event) => {
    held = false;
    if (Math.hypot(event.clientX - from[0], event.clientY - from[1]) > 3) return;
    const mark = markAt(u, event);
    if (mark < 0) to(event);
    else location.href = executionOf(data.time[mark], data.confidence[mark]);
  });
}

function markAt(u, event) {
  const { left, top } = u.over.getBoundingClientRect();
  let best = -1, least = 8;
  data.time.forEach((time, i) => {
    const away = Math.hypot(u.valToPos(time, "x") - (event.clientX - left), u.valToPos(data.confidence[i], "y") - (event.clientY - top));
    if (away < least) [best, least] = [i, away];
  });
  return best;
}

function set(value) {
  if (!Number.isFinite(value)) return;
  limit = Math.min(1, Math.max(0, Math.round(value * 1000) / 1000));
  range.value = limit;
  if (document.activeElement !== number) number.value = limit;
  range.setAttribute("aria-valuetext", limit.toFixed(3));
  if (data) show();
}

range.addEventListener("input", () => set(Number(range.value)));
number.addEventListener("input", () => set(Number(number.value)));
panel.querySelector("#threshold-back").addEventListener("click", () => {
  number.blur();
  set(Number(panel.dataset.threshold));
});
new ResizeObserver(() => chart?.setSize({ width: place.clientWidth, height: 320 })).observe(place);
dark.addEventListener("change", () => {
  chart?.destroy();
  chart = null;
  if (data) plot();
});
document.addEventListener("harness-change", load);
load();
