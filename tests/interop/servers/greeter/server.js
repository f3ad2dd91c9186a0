// A server of the official TypeScript SDK, with a lock file, started by `node server.js`.
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { z } from "zod";

const server = new McpServer({ name: "greeter", version: "1.0.0" });
let greeted = 0;

server.registerTool(
  "greet",
  { description: "Greet somebody", inputSchema: { name: z.string() } },
  async ({ name }) => ({ content: [{ type: "text", text: `Hello, ${name}! (${++greeted})` }] }),
);

await server.connect(new StdioServerTransport());
