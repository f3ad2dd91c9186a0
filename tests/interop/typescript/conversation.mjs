// Is asked by tools, cancels one, and in the legacy era resumes a stream.
// usage: node conversation.mjs <url> <legacy|revision>; the API key is in STOA_API_KEY. After the line `cut` whoever
// reads cuts the connection. The last line is what was seen, as JSON.
import { setTimeout as pause } from "node:timers/promises";

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const [url, era] = process.argv.slice(2);
const legacy = era === "legacy";
const client = new Client(
  { name: "interop", version: "1.0.0" },
  {
    capabilities: { sampling: {}, elicitation: {} },
    ...(legacy ? {} : { versionNegotiation: { mode: { pin: era } } }),
  },
);
client.setRequestHandler("sampling/createMessage", async () => ({
  role: "assistant", content: { type: "text", text: "cat, hat" }, model: "none", stopReason: "endTurn",
}));
client.setRequestHandler("elicitation/create", async ({ params }) => ({
  action: "accept",
  content: Object.fromEntries(Object.keys(params.requestedSchema.properties).map((name) => [name, "Ada"])),
}));
await client.connect(
  new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { Authorization: `Bearer ${process.env.STOA_API_KEY}` } },
  }),
);
const text = async (name, input, options) =>
  (await client.callTool({ name, arguments: input }, options)).content[0].text;
const counts = async () => JSON.parse(await text("calls_of_work", {}));

// Whether the tool was told, of a call that was cancelled while it worked.
async function cancelled() {
  const before = await counts();
  const controller = new AbortController();
  const refused = text("work", {}, { signal: controller.signal, onprogress: () => controller.abort() }).then(
    () => false,
    () => true,
  );
  while ((await counts()).cancelled === before.cancelled) await pause(50);
  return refused;
}

const seen = {
  greet: await text("greet", {}),
  rhyme: await text("rhyme", { word: "bat" }),
  cancelled: await cancelled(),
  resumed: legacy ? await text("rest", {}, { onprogress: () => console.log("cut") }) : null,
};
await client.close();
console.log(JSON.stringify(seen));
process.exit(0);
