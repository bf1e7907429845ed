// Streamlit: the page comes over its socket, a button changes it, and so does an edit.

import assert from "node:assert/strict";
import { check, edit, socketAt } from "./page.mjs";

await check(async ({ page, open, see, marked }) => {
  const socket = socketAt(page, "/_stcore/stream");
  await open("/");
  await see("h1", "Hello from Streamlit");
  await socket;
  const same = await marked();
  await page.getByRole("button", { name: "Press" }).click();
  await see("[data-testid=stMarkdown]", "Pressed");
  edit("app.py", "Hello from", "Edited for");
  await see("h1", "Edited for Streamlit");
  assert(await same(), "the page was loaded anew");
});
