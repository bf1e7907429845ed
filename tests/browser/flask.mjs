// Flask: the page.

import { check } from "./page.mjs";

await check(async ({ page, url, see }) => {
  await page.goto(url);
  await see("h1", "Hello from Flask");
});
