// Flask: the page.

import { check } from "./page.mjs";

await check(async ({ open, see }) => {
  await open("/");
  await see("h1", "Hello from Flask");
});
