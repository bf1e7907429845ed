// Supabase's own client against a Realtime server. Takes its settings as JSON in the first
// argument, says what happens to it as JSON lines, and obeys `token <jwt>` and `leave`.
import { createInterface } from "node:readline";
import { createClient } from "@supabase/supabase-js";
import WebSocket from "ws";

const settings = JSON.parse(process.argv[2]);
const say = (value) => console.log(JSON.stringify(value));
const client = createClient(settings.url, settings.key, {
  auth: { persistSession: false, autoRefreshToken: false },
  realtime: {
    transport: WebSocket,
    heartbeatIntervalMs: 100,
    heartbeatCallback: (heartbeat) => say({ heartbeat }),
    reconnectAfterMs: () => 50,
  },
});
await client.realtime.setAuth(settings.token);
const change = {
  event: "*",
  schema: "public",
  table: "project_files",
  filter: `project_id=eq.${settings.project}`,
};
const channel = client
  .channel(`project:${settings.project}`)
  .on("postgres_changes", change, (change) => say({ change }))
  .on("system", {}, (system) => say({ system }))
  .subscribe((status, error) => say({ status, error: error?.message ?? null }));

for await (const line of createInterface({ input: process.stdin })) {
  const [command, word] = line.split(" ");
  if (command === "token") await client.realtime.setAuth(word);
  if (command === "leave") say({ left: await channel.unsubscribe() });
}
process.exit(0);
