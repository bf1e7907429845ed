// Django: a form with a CSRF token is taken from its own page, and from no other.

import assert from "node:assert/strict";
import { ask, check } from "./page.mjs";

await check(async ({ page, context, url, open, see }) => {
  await open("/");
  await see("h1", "Hello from Django");
  await open("/guestbook/");
  await page.fill("input[name=name]", "Ada");
  await page.click("button");
  await see("#signed", "Ada");
  assert.equal(page.url(), `${url}/guestbook/`);

  const token = await page.inputValue("input[name=csrfmiddlewaretoken]");
  const cookies = await context.cookies(url);
  const forged = (Origin) =>
    ask("/guestbook/", {
      method: "POST",
      headers: {
        Origin,
        "Content-Type": "application/x-www-form-urlencoded",
        Cookie: cookies.map(({ name, value }) => `${name}=${value}`).join("; "),
      },
      body: new URLSearchParams({ csrfmiddlewaretoken: token, name: "Eve" }).toString(),
    });
  assert.equal((await forged(new URL(url).origin)).status, 302, "a good one is refused");
  for (const origin of ["https://evil.example", "https://other.preview.test", "null"]) {
    assert.equal((await forged(origin)).status, 403, `${origin} may post`);
  }
});
