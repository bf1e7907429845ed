// Hostile pages in a real Chromium, and the same from an app's own page as controls:
// `node attacks.mjs CHROMIUM GATEWAY SHOP BLOG`.
//
// This program is the app `shop`, which agrees to every origin and counts what changes it, the
// preview `blog`, which is hostile, and a site `evil.test`, which is hostile as well. Every name
// leads to this machine or nowhere.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { chromium } from "playwright-core";

const [executablePath, gateway, shopPort, blogPort] = process.argv.slice(2);
const SHOP = `http://shop.localhost:${gateway}`;
const BLOG = `http://blog.localhost:${gateway}`;
const MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

let changes = [];

function blank(request, response) {
  response.setHeader("content-type", "text/html");
  response.end("<!doctype html><title>page</title><body></body>");
}

const shop = createServer((request, response) => {
  response.setHeader("access-control-allow-origin", request.headers.origin ?? "*");
  response.setHeader("access-control-allow-methods", "*");
  response.setHeader("access-control-allow-headers", "content-type");
  request.resume().on("end", () => {
    if (!["GET", "HEAD", "OPTIONS"].includes(request.method)) changes.push(`${request.method} ${request.url}`);
    blank(request, response);
  });
});
shop.on("upgrade", (request, socket) => {
  changes.push(`socket ${request.url}`);
  const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + MAGIC).digest("base64");
  socket.write(`HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
});
const blog = createServer(blank);
const evil = createServer(blank);
for (const [server, port] of [[shop, shopPort], [blog, blogPort], [evil, 0]]) {
  server.listen(Number(port), "127.0.0.1");
  await once(server, "listening");
}
const EVIL = `http://evil.test:${evil.address().port}`;

// Each runs in a page and resolves when its request has been answered, or refused by the browser.
const attacks = {
  form: ({ shop, type }) =>
    new Promise((done) => {
      document.body.innerHTML = `<iframe name="there"></iframe><form method="post" target="there" enctype="${type}" action="${shop}/form"><input name="a" value="1"></form>`;
      document.querySelector("iframe").onload = done;
      document.forms[0].submit();
    }),
  sandboxed: ({ shop }) => {
    document.body.innerHTML = `<iframe sandbox="allow-scripts allow-forms"></iframe>`;
    const form = `<body onload="document.forms[0].submit()"><form method="post" action="${shop}/sandboxed"></form></body>`;
    document.querySelector("iframe").srcdoc = form;
  },
  simple: ({ shop }) => fetch(`${shop}/simple`, { method: "POST", mode: "no-cors", body: "a" }).then(() => {}, () => {}),
  put: ({ shop }) =>
    fetch(`${shop}/put`, { method: "PUT", headers: { "content-type": "application/json" }, body: "{}" }).then(() => {}, () => {}),
  beacon: async ({ shop }) => {
    navigator.sendBeacon(`${shop}/beacon`, new URLSearchParams("a=1"));
    // Beacons have no answer; one sent later on the same way has.
    await fetch(`${shop}/after`, { mode: "no-cors" }).catch(() => {});
  },
  socket: ({ shop }) =>
    new Promise((done) => {
      const socket = new WebSocket(`${shop.replace("http", "ws")}/socket`);
      socket.onopen = socket.onerror = () => done();
    }),
};

const form = "application/x-www-form-urlencoded";
const hostile = [
  [EVIL, "form", form],
  [EVIL, "form", "multipart/form-data"],
  [EVIL, "form", "text/plain"],
  [EVIL, "sandboxed"],
  [EVIL, "simple"],
  [EVIL, "put"],
  [EVIL, "beacon"],
  [EVIL, "socket"],
  [BLOG, "form", form],
  [BLOG, "simple"],
  [BLOG, "socket"],
];
const controls = [
  [SHOP, "form", form],
  [SHOP, "form", "multipart/form-data"],
  [SHOP, "simple"],
  [SHOP, "put"],
  [SHOP, "beacon"],
  [SHOP, "socket"],
  // A page of this machine, to which the app has agreed.
  [BLOG, "put"],
];

const browser = await chromium.launch({
  executablePath,
  chromiumSandbox: false,
  args: [
    "--host-resolver-rules=MAP evil.test 127.0.0.1,MAP *.localhost 127.0.0.1,MAP rebound.test 127.0.0.1,MAP * ~NOTFOUND",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
  ],
});

async function run(from, what, type) {
  changes = [];
  const page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(from);
  // What tells the page nothing is seen from outside, in one of these ways: frames change processes.
  const at = (url) => url === `${SHOP}/sandboxed`;
  const answered = what === "sandboxed" && Promise.any([
    page.waitForEvent("console", (message) => at(message.location().url)),
    page.waitForEvent("framenavigated", (frame) => at(frame.url())),
  ]);
  await page.evaluate(attacks[what], { shop: SHOP, type });
  await answered;
  // Whatever left the page is behind this on its way, or was refused.
  await fetch(`http://127.0.0.1:${gateway}/`).catch(() => {});
  await page.close();
  return changes;
}

try {
  for (const [from, what, type] of hostile) {
    assert.deepEqual(await run(from, what, type), [], `${what} ${type ?? ""} from ${from}`);
  }
  // A name that leads to the gateway now, and led elsewhere when its page was loaded.
  const rebound = await browser.newPage();
  const before = (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><body></body>" });
  await rebound.route("**/*", before, { times: 1 });
  await rebound.goto(`http://rebound.test:${gateway}/`);
  changes = [];
  const answered = rebound.waitForResponse((response) => response.url().endsWith("/change"));
  await rebound.evaluate(() => {
    document.body.innerHTML = `<form method="post" action="/change"></form>`;
    document.forms[0].submit();
  });
  const status = (await answered).status();
  assert(status === 404 && changes.length === 0, `${status} ${changes}`);
  for (const [from, what, type] of controls) {
    const made = await run(from, what, type);
    assert.equal(made.length, 1, `${what} ${type ?? ""} from ${from}: ${made}`);
  }
} finally {
  await browser.close();
  for (const server of [shop, blog, evil]) {
    server.closeAllConnections();
    server.close();
  }
}
process.exit(0);
