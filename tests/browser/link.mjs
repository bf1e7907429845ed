// A private preview: a browser comes in by its link, goes on without it, and no page of another
// site's gets anything in its name.

import assert from "node:assert/strict";
import { check } from "./page.mjs";

await check(async ({ page, context, url, see }) => {
  const { origin, searchParams } = new URL(url);
  const secret = searchParams.get("__cm");
  assert.equal(secret.length, 43);

  const stranger = await context.browser().newContext({ ignoreHTTPSErrors: true });
  const outside = await stranger.newPage();
  const refused = await outside.goto(`${origin}/`);
  assert.equal(refused.status(), 401);
  assert.match(await outside.textContent("body"), /private/i);
  const wrong = await outside.goto(`${origin}/?__cm=${"x".repeat(43)}`);
  assert.equal(wrong.status(), 401);

  const response = await page.goto(`${url}&a=1`);
  assert.equal(response.status(), 200);
  await see("h1", "in");
  assert.equal(page.url(), `${origin}/?a=1`);
  assert.equal(await page.evaluate("document.cookie"), "theme=dark", "the page has its own cookies alone");
  const cookies = (await context.cookies()).filter(({ name }) => name !== "theme");
  assert.equal(cookies.length, 1);
  const [{ name, value, httpOnly, secure, sameSite, path }] = cookies;
  assert.match(name, /^__Host-cm-/);
  assert.notEqual(value, secret);
  assert.deepEqual({ httpOnly, secure, sameSite, path }, { httpOnly: true, secure: true, sameSite: "Lax", path: "/" });

  // The next page, and what it fetches, come in by the cookie; the app sees neither.
  for (const told of [
    await (await page.goto(`${origin}/next`)).text(),
    await page.evaluate(async () => (await fetch("/data")).text()),
    await page.evaluate(async () => (await fetch("/data", { method: "POST" })).text()),
  ]) {
    assert.match(told, /<h1>in/);
    assert.match(told, /cookie: theme=dark\n/);
    for (const ours of [secret, value, "__cm", "__Host-cm"]) assert(!told.includes(ours), told);
  }

  // A link with a path that looks like another host stays here.
  await page.goto(`${origin}//evil.example/?__cm=${secret}`);
  assert.equal(new URL(page.url()).origin, origin);

  // A page of another preview's, which the browser takes for the same site.
  const sibling = await context.newPage();
  await sibling.route("https://sibling.preview.test/**", (route) =>
    route.fulfill({
      contentType: "text/html",
      body: `<iframe src="${origin}/"></iframe><form method="post" action="${origin}/"><button></button></form>`,
    }),
  );
  await sibling.goto("https://sibling.preview.test/");
  await sibling.waitForLoadState("load");
  const framed = sibling.frames().filter((frame) => frame !== sibling.mainFrame());
  for (const frame of framed) {
    const text = await frame.evaluate("document.body ? document.body.innerText : ''").catch(() => "");
    assert(!text.includes("<h1>in") && !/^in\b/.test(text), `it is framed: ${text}`);
  }
  const posted = sibling.waitForResponse((answer) => answer.request().method() === "POST");
  await sibling.click("button");
  assert.equal((await posted).status(), 403);
});
