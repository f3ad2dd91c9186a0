// An MCP client in the page: lists the endpoint's tools, makes a form of each schema, calls, and shows what comes.
// Everything that comes is text and is shown as text, or as an image or sound of a declared type.

const root = document.querySelector("#playground");
const byId = (id) => document.getElementById(id);
const VERSION = "2025-11-25";
const MOST_FRAMES = 500;
const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const SOUNDS = ["audio/mpeg", "audio/wav", "audio/ogg", "audio/mp4"];

let token = null;
let expires = 0;
let number = 0;
let chosen = null;
let calling = null;

function say(text, bad = false) {
  byId("state").textContent = text;
  byId("state").className = bad ? "problem" : "";
}

function element(name, text, properties = {}) {
  const made = Object.assign(document.createElement(name), properties);
  if (text !== undefined) {
    made.textContent = text;
  }
  return made;
}

function keepFrame(arrow, frame) {
  const frames = byId("frames");
  frames.append(element("li", `${arrow} ${JSON.stringify(frame, null, 2)}`));
  while (frames.childElementCount > MOST_FRAMES) {
    frames.firstElementChild.remove();
  }
}

async function credential() {
  if (token === null || Date.now() > expires) {
    const csrf = root.querySelector("[name=csrfmiddlewaretoken]").value;
    const answer = await fetch(root.dataset.token, { method: "POST", headers: { "X-CSRFToken": csrf } });
    if (!answer.ok || answer.redirected) {
      throw new Error("Sign in again: the session is over, or you may not call this endpoint any longer.");
    }
    const given = await answer.json();
    token = given.access_token;
    expires = Date.now() + (given.expires_in - 30) * 1000;
  }
  return token;
}

// One request. `heard` gets every notification that comes before the answer.
async function ask(method, params, { heard = () => {}, signal } = {}) {
  const frame = { jsonrpc: "2.0", id: ++number, method, params };
  keepFrame("→", frame);
  const answer = await fetch(root.dataset.path, {
    method: "POST",
    signal,
    headers: {
      Authorization: `Bearer ${await credential()}`,
      "Content-Type": "application/json",
      Accept: "application/json, text/event-stream",
      "MCP-Protocol-Version": VERSION,
    },
    body: JSON.stringify(frame),
  });
  const type = answer.headers.get("content-type") ?? "";
  const messages = type.startsWith("text/event-stream") ? events(answer.body) : [await answer.json()];
  for await (const message of messages) {
    keepFrame("←", message);
    if (message.id === frame.id && !message.method) {
      if (message.error) {
        throw new Error([message.error.message, message.error.data?.hint].filter(Boolean).join(" "));
      }
      return message.result;
    }
    if (message.detail || message.error) {
      throw new Error([message.error?.message ?? message.detail, message.hint].filter(Boolean).join(" "));
    }
    if (message.method && message.id !== undefined) {
      throw new Error("The tool asks a question, which this page cannot answer. Try it from a client that can.");
    }
    heard(message);
  }
  throw new Error("The answer broke off. Try again.");
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) {
      return;
    }
    text += value.replaceAll("\r\n", "\n");
    let end;
    while ((end = text.indexOf("\n\n")) >= 0) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
      if (data) {
        yield JSON.parse(data);
      }
    }
  }
}

function field(name, schema, required) {
  const id = `argument-${name}`;
  const label = element("label", `${name}${required ? "" : " (optional)"}`, { htmlFor: id });
  const type = Array.isArray(schema.type) ? schema.type.find((one) => one !== "null") : schema.type;
  let input;
  if (schema.enum) {
    input = element("select");
    if (!required) {
      input.append(element("option", "", { value: "" }));
    }
    schema.enum.forEach((value) => input.append(element("option", String(value), { value: JSON.stringify(value) })));
    input.read = () => (input.value === "" ? undefined : JSON.parse(input.value));
  } else if (type === "boolean") {
    input = element("select");
    ["", "true", "false"].slice(required ? 1 : 0).forEach((value) => input.append(element("option", value)));
    input.read = () => (input.value === "" ? undefined : input.value === "true");
  } else if (type === "integer" || type === "number") {
    input = element("input", undefined, { type: "number", step: type === "integer" ? "1" : "any" });
    input.read = () => (input.value === "" ? undefined : Number(input.value));
  } else if (type === "string") {
    input = element("textarea", undefined, { rows: 1 });
    input.read = () => (input.value === "" && !required ? undefined : input.value);
  } else {
    input = element("textarea", undefined, { rows: 3, placeholder: "JSON", spellcheck: false });
    input.read = () => (input.value.trim() === "" ? undefined : JSON.parse(input.value));
  }
  Object.assign(input, { id, name, required: required && type !== "string" });
  if (schema.default !== undefined && schema.default !== null) {
    const value = schema.enum || (type !== "string" && typeof schema.default === "object")
      ? JSON.stringify(schema.default)
      : String(schema.default);
    input.value = value;
  }
  const parts = [label, input];
  if (schema.description) {
    const note = element("p", schema.description, { className: "quiet", id: `${id}-note` });
    input.setAttribute("aria-describedby", note.id);
    parts.push(note);
  }
  return parts;
}

function choose(tool) {
  chosen = tool;
  byId("call-title").textContent = tool.title ?? tool.name;
  byId("said").textContent = tool.description ?? "";
  const schema = tool.inputSchema ?? {};
  const required = new Set(schema.required ?? []);
  byId("arguments").replaceChildren(
    ...Object.entries(schema.properties ?? {}).flatMap(([name, part]) => field(name, part, required.has(name))),
  );
  byId("answer").replaceChildren();
  byId("call").hidden = false;
  showCurl();
}

function entered() {
  const given = {};
  for (const input of byId("arguments").querySelectorAll("input, select, textarea")) {
    try {
      const value = input.read();
      if (value !== undefined) {
        given[input.name] = value;
      }
    } catch {
      input.focus();
      throw new Error(`${input.name} is no JSON.`);
    }
  }
  return given;
}

function showCurl() {
  let given = {};
  try {
    given = entered();
  } catch {
    // Half typed: shown once it is whole.
  }
  const frame = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: chosen.name, arguments: given } };
  const quoted = JSON.stringify(frame).replaceAll("'", "'\\''");
  byId("curl").textContent = [
    `curl ${root.dataset.url} \\`,
    '  -H "Authorization: Bearer $STOA_API_KEY" \\',
    '  -H "Content-Type: application/json" \\',
    '  -H "Accept: application/json, text/event-stream" \\',
    `  -H "MCP-Protocol-Version: ${VERSION}" \\`,
    `  -d '${quoted}'`,
  ].join("\n");
}

function part(block) {
  const source = () => `data:${block.mimeType};base64,${block.data}`;
  if (block.type === "image" && PICTURES.includes(block.mimeType)) {
    return element("img", undefined, { src: source(), alt: "An image that the tool returned" });
  }
  if (block.type === "audio" && SOUNDS.includes(block.mimeType)) {
    return element("audio", undefined, { src: source(), controls: true });
  }
  if (block.type === "text") {
    return element("pre", block.text, { tabIndex: 0 });
  }
  if (block.type === "resource" && typeof block.resource?.text === "string") {
    return element("pre", `${block.resource.uri}\n\n${block.resource.text}`, { tabIndex: 0 });
  }
  if (block.type === "resource_link") {
    return element("p", `${block.name ?? ""} ${block.uri}`);
  }
  return element("pre", JSON.stringify(block, null, 2), { tabIndex: 0 });
}

function show(result, milliseconds) {
  const parts = (result.content ?? []).map(part);
  if (result.structuredContent !== undefined) {
    const details = element("details");
    details.append(element("summary", "Structured"), element("pre", JSON.stringify(result.structuredContent, null, 2)));
    parts.push(details);
  }
  const said = result.isError ? "The tool reports an error" : "Answered";
  parts.unshift(element("p", `${said}, in ${Math.round(milliseconds)} ms.`, { className: result.isError ? "problem" : "notice" }));
  byId("answer").replaceChildren(...parts);
}

function hear(message) {
  const { method, params = {} } = message;
  if (method === "notifications/progress") {
    const bar = byId("progress");
    bar.hidden = false;
    if (params.total) {
      bar.max = params.total;
      bar.value = params.progress;
    } else {
      bar.removeAttribute("value");
    }
    say(params.message ?? `${params.progress}${params.total ? ` of ${params.total}` : ""}`);
  } else if (method === "notifications/message") {
    const text = typeof params.data === "string" ? params.data : JSON.stringify(params.data);
    byId("answer").append(element("p", `${params.level}: ${text}`, { className: "quiet" }));
  }
}

async function call(event) {
  event.preventDefault();
  if (calling !== null) {
    return;
  }
  try {
    const given = entered();
    calling = new AbortController();
    byId("stop").disabled = false;
    byId("answer").replaceChildren();
    say("Calling.");
    const began = performance.now();
    const params = { name: chosen.name, arguments: given, _meta: { progressToken: number + 1 } };
    const result = await ask("tools/call", params, { heard: hear, signal: calling.signal });
    say("");
    show(result, performance.now() - began);
  } catch (error) {
    say(error.name === "AbortError" ? "Stopped." : error.message, error.name !== "AbortError");
  } finally {
    calling = null;
    byId("stop").disabled = true;
    byId("progress").hidden = true;
  }
}

async function list() {
  const tools = [];
  let cursor;
  do {
    const page = await ask("tools/list", cursor === undefined ? {} : { cursor });
    tools.push(...page.tools);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  byId("tools").replaceChildren(
    ...tools.map((tool) => {
      const item = element("li");
      const button = element("button", tool.name, { type: "button", className: "secondary" });
      button.addEventListener("click", () => choose(tool));
      item.append(button, " ", element("span", tool.title ?? "", { className: "quiet" }));
      return item;
    }),
  );
  say(tools.length === 0 ? "It offers no tools to you." : "");
}

byId("call").addEventListener("submit", call);
byId("call").addEventListener("input", showCurl);
byId("stop").addEventListener("click", () => calling?.abort());
list().catch((error) => say(error.message, true));
