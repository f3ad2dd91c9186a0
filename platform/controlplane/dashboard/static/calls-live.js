// Puts calls on top of the table as they happen, while the page is looked at. Everything that comes is shown as text.

const body = document.querySelector("tbody[data-live]");
const state = document.querySelector("#tail-state");
const button = document.querySelector("#tail-pause");
const none = document.querySelector("#no-calls");
const MOST = 200;
const LONGEST_PAUSE = 10000;
const DRAW_EVERY = 250;
const NOT_FOUND = 4404;

let after = Number(body.dataset.after);
let waiting = [];
let leftOut = 0;
let socket = null;
let paused = false;
let pause = 500;
let drawing = false;

function cell(text, name) {
  const made = document.createElement("td");
  if (name === undefined) {
    made.textContent = text;
  } else {
    const inner = document.createElement(name);
    inner.textContent = text;
    made.append(inner);
  }
  return made;
}

function row(call) {
  const made = document.createElement("tr");
  const at = cell(call.at.slice(5, 19).replace("T", " "), "time");
  at.firstChild.dateTime = call.at;
  const what = cell(call.method || "(nothing)");
  if (call.name) {
    const name = document.createElement("code");
    name.textContent = call.name;
    what.append(" ", name);
  }
  const outcome = cell(call.outcome, "span");
  outcome.firstChild.className = `status status-${call.good ? "active" : "failed"}`;
  made.append(
    at, cell(call.endpoint), what, cell(call.subject, "code"), cell(call.protocol), outcome,
    cell(`${call.ms.toFixed(1)} ms`), cell(call.request_id, "code"),
  );
  return made;
}

function draw() {
  drawing = false;
  if (paused || waiting.length === 0) {
    return;
  }
  const rows = document.createDocumentFragment();
  waiting.slice(-MOST).reverse().forEach((call) => rows.append(row(call)));
  waiting = [];
  body.prepend(rows);
  while (body.childElementCount > MOST) {
    body.lastElementChild.remove();
  }
  body.closest(".scroll").hidden = false;
  if (none) {
    none.hidden = true;
  }
  if (leftOut > 0) {
    state.textContent = `Live. ${leftOut} calls came faster than they can be shown: narrow it down above.`;
  }
}

function take(news) {
  for (const call of news.calls) {
    after = Math.max(after, call.id);
    waiting.push(call);
  }
  waiting = waiting.slice(-MOST);
  leftOut += news.left_out;
  if (!drawing) {
    drawing = true;
    setTimeout(() => requestAnimationFrame(draw), DRAW_EVERY);
  }
}

function connect() {
  if (socket !== null || document.hidden || paused) {
    return;
  }
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const asked = new URLSearchParams(location.search);
  asked.set("after", after);
  const opened = new WebSocket(`${scheme}//${location.host}${body.dataset.live}?${asked}`);
  socket = opened;
  opened.addEventListener("open", () => {
    pause = 500;
    state.textContent = "Live: new calls appear on top.";
  });
  opened.addEventListener("message", (event) => take(JSON.parse(event.data)));
  opened.addEventListener("close", (event) => {
    if (socket !== opened) {
      return;
    }
    socket = null;
    if (event.code === NOT_FOUND) {
      state.textContent = "No longer live: reload the page.";
      return;
    }
    state.textContent = "The connection was lost; trying again.";
    setTimeout(connect, pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  });
}

function disconnect() {
  const open = socket;
  socket = null;
  open?.close();
}

button.hidden = false;
button.addEventListener("click", () => {
  paused = !paused;
  button.textContent = paused ? "Go on" : "Pause";
  button.setAttribute("aria-pressed", String(paused));
  if (paused) {
    state.textContent = "Paused.";
    disconnect();
  } else {
    draw();
    connect();
  }
});
document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
connect();
