// Streamlit: the page comes over its socket, a button changes it, and so do a file and an edit. Its
// guards against other sites are on.

import assert from "node:assert/strict";
import { askForSocket, check, edit, socketAt } from "./page.mjs";

await check(async ({ page, url, open, see, marked }) => {
  const socket = socketAt(page, "/_stcore/stream");
  await open("/");
  await see("h1", "Hello from Streamlit");
  await socket;
  const same = await marked();
  await page.getByRole("button", { name: "Press" }).click();
  await see("[data-testid=stMarkdown]", "Pressed");
  await page.setInputFiles("input[type=file]", { name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("seven b") });
  await see("[data-testid=stMarkdown]", "Got 7 bytes");
  edit("app.py", "Hello from", "Edited for");
  await see("h1", "Edited for Streamlit");
  assert(await same(), "the page was loaded anew");

  assert.equal(await askForSocket("/_stcore/stream", new URL(url).origin), 101);
  for (const origin of ["https://evil.example", "https://other.preview.test"]) {
    assert.equal(await askForSocket("/_stcore/stream", origin), 403, `${origin} may connect`);
  }
});
