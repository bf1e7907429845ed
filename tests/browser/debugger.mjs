// A Flask app in debug mode: its pages are there, its debugger is not, however it is asked for.

import assert from "node:assert/strict";
import { ask, check } from "./page.mjs";

const asked = "cmd=resource&f=debugger.js";

await check(async ({ open, see }) => {
  await open("/");
  await see("h1", "Hello from Flask");

  for (const path of [
    `/?__debugger__=yes&${asked}`,
    `/?${asked}&__debugger__=yes`,
    `/?__debug%67er__=yes&${asked}`,
    `/boom?__debugger__=yes&${asked}`,
    `/?__debugger__=yes&cmd=pinauth&pin=000-000-000&s=x`,
    "/console",
    "/console/",
    "/%63onsole",
    "//console",
  ]) {
    const { status, text } = await ask(path);
    assert.equal(status, 403, `${path} answers ${status}`);
    assert(!/openShell|Interactive Console|SECRET|auth"/.test(text), `${path} gives ${text}`);
  }

  const boom = await ask("/boom");
  assert.equal(boom.status, 500);
  assert.match(boom.text, /RuntimeError: boom/);
  assert.match(boom.text, /EVALEX = false/);
});
