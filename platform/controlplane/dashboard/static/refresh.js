// Shows the page's live part anew every two seconds, while someone looks at it.

const part = document.querySelector("[data-refresh]");
const PAUSE = 2000;

async function refresh() {
  if (!document.hidden && !part.contains(document.activeElement)) {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok && !answer.redirected) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.querySelector("[data-refresh]");
        if (fresh && fresh.textContent !== part.textContent) {
          part.replaceChildren(...fresh.childNodes);
        }
      }
    } catch {
      // The platform is away: the next round asks again.
    }
  }
  setTimeout(refresh, PAUSE);
}

setTimeout(refresh, PAUSE);
