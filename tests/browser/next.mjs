// Next.js: the page, a server action, and components of both kinds replaced with their state kept.

import assert from "node:assert/strict";
import { askForSocket, check, edit, socketAt } from "./page.mjs";

await check(async ({ page, url, open, see, marked }) => {
  const socket = socketAt(page, "/_next/");
  await open("/");
  await see("#greeting", "Hello from Next");
  const hmr = await socket;
  const same = await marked();
  // A click that comes before React has taken the page over counts for nothing.
  await page.waitForFunction(() => {
    const greeting = document.querySelector("#greeting");
    if (/clicked [1-9]/.test(greeting.textContent)) return true;
    greeting.click();
    return false;
  });

  await page.click("button");
  await see("#raised", "Raised: 1");
  await page.click("button");
  await see("#raised", "Raised: 2");

  edit("app/greeting.js", "Hello from", "Edited for");
  await see("#greeting", "Edited for Next");
  await see("#greeting", /clicked [1-9]/);
  edit("app/page.js", "Raised:", "Lifted:");
  await see("#raised", "Lifted: 2");
  assert(await same(), "the page was loaded anew");

  const { pathname, search } = new URL(hmr);
  assert.equal(await askForSocket(pathname + search, new URL(url).origin), 101);
  assert.notEqual(await askForSocket(pathname + search, "https://evil.example"), 101);
});
