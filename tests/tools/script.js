// What an expression is to a script of a page, in a real browser: node script.js ADDRESS EXPRESSION.
// Prints it as JSON, a promise once it is kept.
const { chromium } = require("playwright-core");

const [address, expression] = process.argv.slice(2);

(async () => {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  try {
    const page = await browser.newPage();
    await page.goto(address);
    console.log(JSON.stringify(await page.evaluate(expression)));
  } finally {
    await browser.close();
  }
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
