// A server that runs elsewhere, over Streamable HTTP with the handshake: node elsewhere.mjs <host> <port> <name>
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { z } from "zod";

const [host, port, name] = process.argv.slice(2);
const sessions = new Map();

async function opened() {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    onsessioninitialized: (id) => sessions.set(id, transport),
  });
  const server = new McpServer({ name, version: "1.0.0" });
  server.registerTool(
    `${name}_news`,
    { description: "What there is to say about a topic.", inputSchema: { topic: z.string() } },
    async ({ topic }) => ({ content: [{ type: "text", text: `${topic}, says ${name}` }] }),
  );
  await server.connect(transport);
  return transport;
}

createServer(async (request, response) => {
  const id = request.headers["mcp-session-id"];
  if (id && !sessions.has(id)) {
    response.writeHead(404).end();
    return;
  }
  await (sessions.get(id) ?? (await opened())).handleRequest(request, response);
}).listen(Number(port), host);
