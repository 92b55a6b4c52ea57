// Whether what is shown is still so: the server or the emulator is away, or was started anew and has forgotten.
const live = document.querySelector("#live");
const away = document.querySelector("#away");
const anew = document.querySelector("#anew");
const key = `harness-began ${document.querySelector('meta[name="harness-root"]').content}`;
let since = null;
let late = 0;

export function here() {
  clearTimeout(late);
  since = null;
  away.hidden = true;
  document.body.classList.remove("is-away");
  show("live", "Live");
}

// A stream that is opened anew at once is no news; *soon* says that it is certain.
export function gone(words, soon = false) {
  since ??= new Date();
  show("away", "Away");
  clearTimeout(late);
  const tell = () => {
    away.hidden = false;
    away.querySelector("strong").textContent = words;
    away.querySelector("span").textContent = `What you see is from ${since.toLocaleTimeString()}, and nothing can be changed. It is asked again and again.`;
    document.body.classList.add("is-away");
  };
  if (soon || !away.hidden) tell();
  else late = setTimeout(tell, 1500);
}

function show(kind, text) {
  live.hidden = false;
  live.className = `live ${kind}`;
  live.textContent = text;
}

// Notes what there is, by the page as it is now; says what is gone where the emulator is another than before.
export function note(page = document) {
  const began = page.querySelector('meta[name="harness-began"]')?.content;
  if (!began) return;
  const summary = page.querySelector("[data-total]:not([data-part])");
  let known = { began, total: 0 };
  try {
    known = JSON.parse(sessionStorage.getItem(key)) ?? known;
  } catch {
    // nothing is known
  }
  if (known.began !== began) {
    const lost = summary ? Math.max(0, known.total - Number(summary.dataset.total)) : 0;
    const what = lost ? `${lost.toLocaleString("en")} of the executions that were here before ${lost === 1 ? "is" : "are"} gone, and what was deployed` : "what it held in memory alone is gone";
    anew.querySelector("span").textContent = `At ${new Date(began).toLocaleTimeString()}: ${what}. With harness up --state FOLDER, what is there outlives a restart.`;
    anew.hidden = false;
  }
  sessionStorage.setItem(key, JSON.stringify({ began, total: summary ? Number(summary.dataset.total) : known.began === began ? known.total : 0 }));
}

anew.querySelector("button").addEventListener("click", () => (anew.hidden = true));
