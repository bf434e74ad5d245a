// A page in a real browser: node page.js ADDRESS SCREENSHOT [SCHEME] [BUTTON]. Without JavaScript, on a
// narrow screen; presses the button with the keyboard where one is named. Prints as JSON the text of
// the page, what axe finds wrong with it, and the addresses that it loaded.
const { chromium } = require("playwright-core");
const { AxeBuilder } = require("@axe-core/playwright");

const [address, screenshot, colorScheme = "light", button] = process.argv.slice(2);

(async () => {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  try {
    const options = { colorScheme, viewport: { width: 360, height: 720 } };
    const context = await browser.newContext({ ...options, javaScriptEnabled: false });
    const page = await context.newPage();
    const loaded = [];
    page.on("request", (request) => loaded.push(request.url()));
    const answer = await page.goto(address);
    if (button) {
      for (let presses = 0; presses < 20; presses++) {
        await page.keyboard.press("Tab");
        if ((await page.locator("button:focus").allTextContents()).join() === button) break;
      }
      await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    }
    await page.screenshot({ path: screenshot, fullPage: true });
    const text = await page.locator("main").innerText();
    const overflows = await page.locator("html").evaluate((html) => html.scrollWidth > html.clientWidth).catch(() => false);

    // axe is a script of its own, which our policy would refuse.
    const inspected = await browser.newContext({ ...options, bypassCSP: true });
    const copy = await inspected.newPage();
    await copy.setContent(await page.content());
    await copy.addStyleTag({ content: await (await context.request.get(new URL("/-/style.css", address).href)).text() });
    const { violations } = await new AxeBuilder({ page: copy }).analyze();
    console.log(JSON.stringify({
      status: answer.status(), text, overflows, loaded,
      violations: violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`),
    }));
  } finally {
    await browser.close();
  }
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
