// Continues a build's log where the page left off. Everything that comes is text and is shown as text.

const log = document.querySelector("[data-live]");
const state = document.querySelector("#log-state");
const building = log.dataset.finished === "no";
const LONGEST_PAUSE = 10000;

let after = Number(log.dataset.after);
let pause = 500;

function show(text) {
  const atTheEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 20;
  const item = document.createElement("li");
  item.textContent = text;
  log.append(item);
  if (atTheEnd) {
    log.scrollTop = log.scrollHeight;
  }
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${location.host}${log.dataset.live}?after=${after}`);
  let over = false;

  socket.addEventListener("open", () => {
    pause = 500;
    state.textContent = building ? "Building. New lines appear as they are written." : "";
  });
  socket.addEventListener("message", (event) => {
    const news = JSON.parse(event.data);
    if (news.line && news.line.seq > after) {
      after = news.line.seq;
      show(news.line.text);
    } else if (news.end) {
      over = true;
      if (building) {
        state.textContent = `The build is over: ${news.end.status}. Reloading.`;
        location.reload();
      }
    }
  });
  socket.addEventListener("close", (event) => {
    if (over || event.code === 4404) {
      return;
    }
    state.textContent = "The connection was lost; trying again.";
    setTimeout(connect, pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  });
}

if (building) {
  log.scrollTop = log.scrollHeight;
}
if (building || log.dataset.more === "yes") {
  connect();
}
