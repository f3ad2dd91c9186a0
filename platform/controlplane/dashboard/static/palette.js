// The command palette: Ctrl+K or the button, a part of a name, arrows, Enter. The server says what there is.

const opener = document.querySelector("[data-palette]");
const PAUSE = 120;

const dialog = document.createElement("dialog");
dialog.className = "palette";
dialog.setAttribute("aria-label", "Go to");
const input = Object.assign(document.createElement("input"), {
  type: "search", placeholder: "Page, server or endpoint", autocomplete: "off", spellcheck: false, maxLength: 100,
});
const list = Object.assign(document.createElement("ul"), { id: "palette-list" });
const state = Object.assign(document.createElement("p"), { className: "quiet" });
input.setAttribute("role", "combobox");
input.setAttribute("aria-label", "Page, server or endpoint");
input.setAttribute("aria-controls", list.id);
input.setAttribute("aria-expanded", "true");
input.setAttribute("aria-autocomplete", "list");
list.setAttribute("role", "listbox");
list.setAttribute("aria-label", "What there is");
state.setAttribute("role", "status");
dialog.append(input, list, state);

let chosen = 0;
let asked = 0;
let timer = 0;

function choose(place) {
  const options = [...list.children];
  chosen = options.length === 0 ? 0 : (place + options.length) % options.length;
  options.forEach((option, index) => option.setAttribute("aria-selected", String(index === chosen)));
  options[chosen]?.scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", options[chosen]?.id ?? "");
}

function show(found) {
  list.replaceChildren(
    ...found.map((one, index) => {
      const option = document.createElement("li");
      option.id = `palette-${index}`;
      option.setAttribute("role", "option");
      option.dataset.url = one.url;
      const kind = Object.assign(document.createElement("span"), { className: "quiet", textContent: one.kind });
      option.append(`${one.label} `, kind);
      option.addEventListener("click", () => location.assign(one.url));
      return option;
    }),
  );
  state.textContent = found.length === 0 ? "Nothing has this in its name." : "";
  choose(0);
}

async function search() {
  const number = ++asked;
  try {
    const answer = await fetch(`${opener.dataset.palette}?${new URLSearchParams({ q: input.value })}`);
    if (number === asked && answer.ok && !answer.redirected) {
      show((await answer.json()).found);
    }
  } catch {
    state.textContent = "The platform does not answer. Try again.";
  }
}

function open() {
  if (!dialog.open) {
    input.value = "";
    dialog.showModal();
    search();
  }
}

input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, PAUSE);
});
input.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step !== undefined) {
    event.preventDefault();
    choose(chosen + step);
  } else if (event.key === "Enter") {
    event.preventDefault();
    const option = list.children[chosen];
    if (option) {
      location.assign(option.dataset.url);
    }
  }
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) {
    dialog.close();
  }
});
document.body.append(dialog);
opener.hidden = false;
opener.addEventListener("click", open);
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    open();
  }
});
document.querySelector(".menu [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
