// Does what the installed version of @modelcontextprotocol/sdk can: lists, calls, is asked, cancels, resumes a stream.
// usage: node client.mjs URL; the API key is in STOA_API_KEY. A URL that ends in /sse is spoken to by HTTP+SSE. After
// the line `cut` whoever reads cuts the connection. The last line is what was seen, as JSON.
import { setTimeout as pause } from "node:timers/promises";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import * as types from "@modelcontextprotocol/sdk/types.js";

const url = new URL(process.argv[2]);
const headers = { Authorization: `Bearer ${process.env.STOA_API_KEY}` };
let transport;
if (url.pathname.endsWith("/sse")) {
  // That version has no option for headers: a program added them to what it found in the environment.
  const [{ SSEClientTransport }, { default: EventSource }] = [
    await import("@modelcontextprotocol/sdk/client/sse.js"),
    await import("eventsource"),
  ];
  globalThis.EventSource = class extends EventSource {
    constructor(address) {
      super(address, { headers });
    }
  };
  const { fetch } = globalThis;
  globalThis.fetch = (input, init) => fetch(input, { ...init, headers: { ...init?.headers, ...headers } });
  transport = new SSEClientTransport(url);
} else {
  const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/sdk/client/streamableHttp.js");
  transport = new StreamableHTTPClientTransport(url, { requestInit: { headers } });
}
const elicits = "ElicitRequestSchema" in types;
const capabilities = { sampling: {}, ...(elicits ? { elicitation: {} } : {}) };
const client = new Client({ name: "interop", version: "1.0.0" }, { capabilities });
client.setRequestHandler(types.CreateMessageRequestSchema, async () => ({
  role: "assistant", content: { type: "text", text: "cat, hat" }, model: "none", stopReason: "endTurn",
}));
if (elicits) {
  client.setRequestHandler(types.ElicitRequestSchema, async ({ params }) => ({
    action: "accept",
    content: Object.fromEntries(Object.keys(params.requestedSchema.properties).map((name) => [name, "Ada"])),
  }));
}
await client.connect(transport);
const call = (name, input, options) => client.callTool({ name, arguments: input }, undefined, options);
const text = async (...parts) => (await call(...parts)).content[0].text;
const counts = async () => JSON.parse(await text("calls_of_work", {}));

// Whether the tool was told, of a call that was cancelled while it worked.
async function cancelled() {
  const before = await counts();
  const controller = new AbortController();
  const refused = call("work", {}, { signal: controller.signal, onprogress: () => controller.abort() }).then(
    () => false,
    () => true,
  );
  while ((await counts()).cancelled === before.cancelled) await pause(50);
  return refused;
}

const seen = {
  tools: (await client.listTools()).tools.map((tool) => tool.name),
  add: await text("add", { a: 1, b: 2 }),
  rhyme: await text("rhyme", { word: "bat" }),
  greet: elicits ? await text("greet", {}) : null,
  cancelled: await cancelled(),
  resumed: url.pathname.endsWith("/sse") ? null : await text("rest", {}, { onprogress: () => console.log("cut") }),
};
await client.close();
console.log(JSON.stringify(seen));
process.exit(0);
