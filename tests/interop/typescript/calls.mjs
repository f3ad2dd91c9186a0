// Lists an endpoint's tools and calls some: node calls.mjs <url> <[[name, arguments], …]>; the API key is in STOA_API_KEY
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const [url, calls] = process.argv.slice(2);
const client = new Client({ name: "interop", version: "1.0.0" });
await client.connect(
  new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { Authorization: `Bearer ${process.env.STOA_API_KEY}` } },
  }),
);
const tools = (await client.listTools()).tools.map((tool) => tool.name);
const results = {};
for (const [name, given] of JSON.parse(calls)) {
  results[name] = await client.callTool({ name, arguments: given });
}
await client.close();
console.log(JSON.stringify({ tools, results }));
