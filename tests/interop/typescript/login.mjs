// A program on a TypeScript SDK that logs its user in. For each JSON-RPC call of a tool on standard input it connects,
// calls, and prints the answer; where to send the user it prints as well, and hears of the end at a port of its own.
// usage: node login.mjs <client|sdk> <url> [<address of its metadata document>]
import { createServer } from "node:http";
import { createInterface } from "node:readline";

const [sdk, url, document] = process.argv.slice(2);
const [{ Client }, { StreamableHTTPClientTransport }] =
  sdk === "client"
    ? [await import("@modelcontextprotocol/client"), await import("@modelcontextprotocol/client")]
    : [
        await import("@modelcontextprotocol/sdk/client/index.js"),
        await import("@modelcontextprotocol/sdk/client/streamableHttp.js"),
      ];

let hear; // what the browser brings back
const callback = createServer((request, response) => {
  response.end("You can go back to the program.");
  hear(new URL(request.url, redirectUrl).searchParams);
});
await new Promise((resolve) => callback.listen(0, "127.0.0.1", resolve));
const redirectUrl = `http://127.0.0.1:${callback.address().port}/oauth/callback`;

const kept = {};
const provider = {
  redirectUrl,
  clientMetadataUrl: document,
  clientMetadata: {
    client_name: "A TypeScript program",
    redirect_uris: [redirectUrl],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  },
  state: () => "a state of the program's",
  clientInformation: () => kept.client,
  saveClientInformation: (client) => void (kept.client = client),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => void (kept.tokens = tokens),
  invalidateCredentials: (which) => which === "all" || which === "tokens" ? void delete kept.tokens : undefined,
  redirectToAuthorization: (address) => {
    kept.answer = new Promise((resolve) => (hear = resolve));
    console.log(address.href);
  },
  saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
  codeVerifier: () => kept.verifier,
  saveDiscoveryState: (state) => void (kept.discovery = state),
  discoveryState: () => kept.discovery,
};

async function connected() {
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
  const client = new Client({ name: "interop", version: "1.0.0" });
  try {
    await client.connect(transport);
    return client;
  } catch (error) {
    if (!/Unauthorized/i.test(`${error.name} ${error.message} ${error.constructor.name}`)) throw error;
  }
  const answer = await kept.answer;
  if (answer.get("state") !== provider.state()) throw new Error("The state did not come back unchanged.");
  await transport.finishAuth(sdk === "client" ? answer : answer.get("code"));
  return connected();
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, params } = JSON.parse(line);
  const client = await connected();
  const result = await client.callTool(params);
  await client.close();
  console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
}
process.exit(0);
