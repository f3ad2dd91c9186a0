// The same tool on the TypeScript SDK's server, without sessions and with plain JSON answers: `node server.mjs PORT`.
import { createServer } from "node:http";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";

const count = Number(process.env.STOA_BENCH_TOOLS ?? 1);
const names = ["add", ...Array.from({ length: count - 1 }, (_, number) => `tool_${number}`)];
const inputSchema = z.object({ a: z.number().int(), b: z.number().int() });

function server() {
  const mcp = new McpServer({ name: "add", version: "1" });
  for (const name of names) {
    mcp.registerTool(name, { description: `${name} two numbers`, inputSchema }, async ({ a, b }) => ({
      content: [{ type: "text", text: String(a + b) }],
      structuredContent: { result: a + b },
    }));
  }
  return mcp;
}

createServer(toNodeHandler(createMcpHandler(server, { responseMode: "json" }))).listen(Number(process.argv[2]), "127.0.0.1");
