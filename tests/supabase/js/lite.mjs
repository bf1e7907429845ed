// Supabase's own small server on a port of its own: users, their tokens, the keys, one table.
// Takes its settings as JSON in the first argument; says {"port"} and ends with its stdin.
import { createServer } from "node:http";
import { Readable } from "node:stream";
import { App } from "@supabase/lite";
import { createPgliteConnection } from "@supabase/lite/pglite";

const settings = JSON.parse(process.argv[2]);
const connection = await createPgliteConnection({});
const app = new App({
  connection,
  auth: {
    enabled: true,
    enable_signup: true,
    jwt_secret: settings.jwtSecret,
    jwt_expiry: settings.jwtExpiry,
    publishable_key: settings.publishable,
    secret_key: settings.secret,
    enable_refresh_token_rotation: true,
    refresh_token_reuse_interval: 0,
    email: { enable_confirmations: false },
  },
});
await app.ensureSystemSchema();
for (const statement of settings.sql) await connection.exec(statement);

async function answer(request, response) {
  const hasBody = !["GET", "HEAD"].includes(request.method);
  const asked = new Request(`http://${request.headers.host}${request.url}`, {
    method: request.method,
    headers: request.headers,
    ...(hasBody ? { body: Readable.toWeb(request), duplex: "half" } : {}),
  });
  const answered = await app.fetch(asked, { peerAddress: null });
  response.writeHead(answered.status, Object.fromEntries(answered.headers));
  response.end(Buffer.from(await answered.arrayBuffer()));
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    console.error(error);
    response.writeHead(500).end();
  });
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
process.stdin.on("end", () => process.exit(0)).resume();
