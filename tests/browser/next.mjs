// Next.js: the page, a server action, and components of both kinds replaced with their state kept.

import assert from "node:assert/strict";
import { check, edit, socketAt } from "./page.mjs";

await check(async ({ page, open, see, marked }) => {
  const socket = socketAt(page, "/_next/");
  await open("/");
  await see("#greeting", "Hello from Next");
  await socket;
  const same = await marked();
  await page.click("#greeting");
  await see("#greeting", "clicked 1 times");

  await page.click("button");
  await see("#raised", "Raised: 1");
  await page.click("button");
  await see("#raised", "Raised: 2");

  edit("app/greeting.js", "Hello from", "Edited for");
  await see("#greeting", "Edited for Next");
  await see("#greeting", "clicked 1 times");
  edit("app/page.js", "Raised:", "Lifted:");
  await see("#raised", "Lifted: 2");
  assert(await same(), "the page was loaded anew");
});
