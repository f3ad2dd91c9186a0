// Logs in with a TypeScript SDK, calls, lets its access token go bad, and calls again: that takes a refresh.
// usage: node login.mjs <client|sdk> <url> <tool>; prints the authorization URL, reads the callback's URL from stdin,
// and prints what it saw as one line of JSON.
import { createInterface } from "node:readline/promises";

const [sdk, url, tool] = process.argv.slice(2);
const [{ Client }, { StreamableHTTPClientTransport }] =
  sdk === "client"
    ? [await import("@modelcontextprotocol/client"), await import("@modelcontextprotocol/client")]
    : [
        await import("@modelcontextprotocol/sdk/client/index.js"),
        await import("@modelcontextprotocol/sdk/client/streamableHttp.js"),
      ];

const kept = {};
const provider = {
  redirectUrl: "http://127.0.0.1:33419/callback",
  clientMetadata: {
    client_name: "A TypeScript program",
    redirect_uris: ["http://127.0.0.1:33419/callback"],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  },
  state: () => "a state of the program's",
  clientInformation: () => kept.client,
  saveClientInformation: (client) => void (kept.client = client),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => void (kept.tokens = tokens),
  redirectToAuthorization: (address) => console.log(address.href),
  saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
  codeVerifier: () => kept.verifier,
  saveDiscoveryState: (state) => void (kept.discovery = state),
  discoveryState: () => kept.discovery,
};

async function connected() {
  const client = new Client({ name: "interop", version: "1.0.0" });
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
  await client.connect(transport);
  return client;
}

const first = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
try {
  await new Client({ name: "interop", version: "1.0.0" }).connect(first);
  throw new Error("The endpoint let a stranger in.");
} catch (error) {
  if (!/Unauthorized/i.test(`${error.name} ${error.message} ${error.constructor.name}`)) throw error;
}
const answer = new URL(await createInterface({ input: process.stdin }).question("")).searchParams;
if (sdk === "client") await first.finishAuth(answer);
else await first.finishAuth(answer.get("code"));

const before = await connected();
const called = await before.callTool({ name: tool, arguments: {} });
await before.close();
const old = kept.tokens;
kept.tokens = { ...old, access_token: `${old.access_token.slice(0, -8)}AAAAAAAA` };
const after = await connected();
const again = await after.callTool({ name: tool, arguments: {} });
await after.close();
console.log(
  JSON.stringify({
    state: answer.get("state"),
    called: called.content[0].text,
    again: again.content[0].text,
    refreshed: kept.tokens.refresh_token !== old.refresh_token,
    registered: kept.client.client_id,
  }),
);
process.exit(0);
