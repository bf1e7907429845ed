// Vite: the page, and a module replaced without loading it anew.

import assert from "node:assert/strict";
import { check, edit, socketAt } from "./page.mjs";

await check(async ({ page, open, see, marked }) => {
  const socket = socketAt(page, "/");
  await open("/");
  await see("#greeting", "Hello from Vite");
  await socket;
  const same = await marked();
  edit("greeting.js", "Hello", "Edited");
  await see("#greeting", "Edited from Vite");
  assert(await same(), "the page was loaded anew");
});
