// Shows what has changed, every two seconds, without losing the reader's place.
const main = document.querySelector("main[data-refresh]");
let shown = main && main.innerHTML;

async function refresh() {
  if (document.hidden || main.querySelector("details[open]")) return;
  try {
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.querySelector("main");
    if (next.innerHTML === shown) return;
    const focused = document.activeElement && document.activeElement.getAttribute("href");
    shown = next.innerHTML;
    main.innerHTML = shown;
    if (focused) main.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
    if (!next.hasAttribute("data-refresh")) clearInterval(timer);
  } catch {
    // The server is away; the next try may find it.
  }
}

const timer = main && setInterval(refresh, 2000);
