// Connects with a TypeScript SDK, lists and calls, and prints what it saw as one line of JSON.
// usage: node client.mjs <client|sdk> <url> <tool> <arguments as JSON>; the API key is in STOA_API_KEY
const [sdk, url, tool, input] = process.argv.slice(2);
const call = { name: tool, arguments: JSON.parse(input) };
const [{ Client }, { StreamableHTTPClientTransport }] =
  sdk === "client"
    ? [await import("@modelcontextprotocol/client"), await import("@modelcontextprotocol/client")]
    : [
        await import("@modelcontextprotocol/sdk/client/index.js"),
        await import("@modelcontextprotocol/sdk/client/streamableHttp.js"),
      ];

const client = new Client({ name: "interop", version: "1.0.0" });
const transport = new StreamableHTTPClientTransport(new URL(url), {
  requestInit: { headers: { Authorization: `Bearer ${process.env.STOA_API_KEY}` } },
});
await client.connect(transport);
const progress = [];
const seen = {
  server: client.getServerVersion(),
  tools: (await client.listTools()).tools.map((tool) => tool.name),
  resources: (await client.listResources()).resources.map((resource) => resource.uri),
  prompts: (await client.listPrompts()).prompts.map((prompt) => prompt.name),
  result: await (sdk === "client"
    ? client.callTool(call, { onprogress: (step) => progress.push(step.progress) })
    : client.callTool(call, undefined, { onprogress: (step) => progress.push(step.progress) })),
  progress,
  unknown: await client.callTool({ name: "nobody", arguments: {} }).then(
    () => null,
    (error) => error.code ?? String(error),
  ),
};
await client.close();
console.log(JSON.stringify(seen));
