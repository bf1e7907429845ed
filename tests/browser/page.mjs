// One check in a real Chromium: `node CHECK.mjs CHROMIUM URL PROJECT EDGE`.
//
// Public names lead to the edge at 127.0.0.1:EDGE and every other name nowhere, so that no test
// leaves the machine.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import https from "node:https";
import net from "node:net";
import { join } from "node:path";
import { chromium } from "playwright-core";

const PATIENCE = 60_000;
const [executablePath, url, project, edge] = process.argv.slice(2);

const launched = {
  executablePath,
  chromiumSandbox: false,
  args: [
    `--host-resolver-rules=MAP *.preview.test 127.0.0.1:${edge},MAP *.localhost 127.0.0.1,MAP * ~NOTFOUND`,
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
  ],
};

for (const bridge of (process.env.BRIDGES ?? "").split(",").filter(Boolean)) await openBridge(bridge);

/** Has a port here lead where the socket at a path does: `PORT=PATH`. */
async function openBridge(bridge) {
  const [port, path] = bridge.split("=");
  const server = net.createServer({ allowHalfOpen: true }, (visitor) => {
    const host = net.connect({ path, allowHalfOpen: true });
    visitor.pipe(host).pipe(visitor);
    visitor.on("error", () => host.destroy());
    host.on("error", () => visitor.destroy());
  });
  await new Promise((listening) => server.listen(Number(port), "127.0.0.1", listening));
  server.unref();
}

/** Runs `steps` on a fresh page, and fails as well if anything of the page's own failed. */
export async function check(steps) {
  const browser = await chromium.launch(launched);
  const faults = [];
  const unanswered = new Set();
  try {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    listen(page, faults);
    follow(page, unanswered);
    await steps({
      page,
      context,
      url,
      open: (path) => open(page, path),
      see: (at, text) => see(page, at, text),
      marked: () => marked(page),
    });
  } catch (error) {
    // A new one, for what is printed of an error is its stack, and that has the first message.
    const more = { said: faults, unanswered: [...unanswered] };
    throw new Error(`${error.message}\n${JSON.stringify(more, null, 1)}`, { cause: error });
  } finally {
    await browser.close();
  }
  assert.deepEqual(faults, [], "the page complained");
}

/** What a user would find in the console in red. Icons nobody made and other hosts do not count. */
function listen(page, faults) {
  const ours = (other) => new URL(other).host === new URL(url).host && !other.endsWith("/favicon.ico");
  page.on("pageerror", (error) => faults.push(`threw: ${error.message}`));
  page.on("console", (message) => {
    const from = message.location().url;
    if (message.type() === "error" && (!from || ours(from))) faults.push(`console: ${message.text()} (${from})`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400 && ours(response.url())) faults.push(`${response.status()}: ${response.url()}`);
  });
  page.on("websocket", (socket) => {
    socket.on("socketerror", (error) => faults.push(`socket: ${socket.url()}: ${error}`));
  });
}

/** Keeps in `unanswered` what the page has asked for and not got, a socket that has not spoken among it. */
function follow(page, unanswered) {
  page.on("request", (request) => unanswered.add(request.url()));
  for (const end of ["requestfinished", "requestfailed"]) page.on(end, (request) => unanswered.delete(request.url()));
  page.on("websocket", (socket) => {
    unanswered.add(socket.url());
    socket.on("framereceived", () => unanswered.delete(socket.url()));
  });
}

async function open(page, path) {
  const response = await page.goto(`${url}${path}`);
  assert(response.ok(), `${path} answers ${response.status()}: ${await response.text()}`);
}

/** Waits until the element has this text. */
async function see(page, at, text) {
  await page.locator(at).filter({ hasText: text }).first().waitFor();
}

/** Marks the page, and gives what tells whether it is the same one still, never loaded anew. */
async function marked(page) {
  await page.evaluate(() => {
    window.marked = true;
  });
  return () => page.evaluate(() => window.marked === true);
}

/** Resolves with the address of the first socket at `path` once the app has spoken through it. */
export function socketAt(page, path) {
  const spoken = new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`no socket at ${path} has spoken`)), PATIENCE);
    page.once("close", () => clearTimeout(limit));
    page.on("websocket", (socket) => {
      if (!new URL(socket.url()).pathname.startsWith(path)) return;
      socket.once("framereceived", () => {
        clearTimeout(limit);
        resolve(socket.url());
      });
    });
  });
  // Whoever waits for it hears of it; until then what the page shows may be the better reason.
  spoken.catch(() => {});
  return spoken;
}

/** Saves a file of the project with `from` replaced, as an editor would. */
export function edit(file, from, to) {
  const path = join(project, file);
  const text = readFileSync(path, "utf8");
  assert(text.includes(from), `${file} has no ${from}`);
  writeFileSync(path, text.replaceAll(from, to));
}

/** A request that no browser would send: with headers of its own. */
export function ask(path, { method = "GET", headers = {}, body = "" } = {}) {
  const { host } = new URL(url);
  const options = {
    host: "127.0.0.1",
    port: edge,
    servername: host,
    rejectUnauthorized: false,
    path,
    method,
    headers: { Host: host, ...(body && { "Content-Length": Buffer.byteLength(body) }), ...headers },
  };
  return new Promise((resolve, reject) => {
    const request = https.request(options, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() }));
    });
    request.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode, text: "" });
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** What a page of `Origin` is answered when it opens a socket here. */
export async function askForSocket(path, Origin) {
  const key = Buffer.alloc(16).toString("base64");
  const headers = {
    Origin,
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Key": key,
    "Sec-WebSocket-Version": "13",
  };
  return (await ask(path, { headers })).status;
}
