import { existsSync } from 'node:fs';

import { chromium, type Browser } from 'playwright-core';

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** Why there is no browser to test in; empty if there is one. In CI that is no excuse. */
export const missing =
  process.env['CI'] === 'true' || existsSync(executablePath)
    ? ''
    : ' (skipped: no Chromium; apt-get install -y chromium gets one)';

/** Headless Chromium with WebGPU on its own software driver, and tabs in the background as slow as users have them. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--no-first-run',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader',
      '--enable-features=Vulkan',
    ],
    // Playwright's own: with them no tab is ever throttled.
    ignoreDefaultArgs: [
      '--disable-background-timer-throttling',
      '--disable-backgrounding-occluded-windows',
      '--disable-renderer-backgrounding',
    ],
  });
}

/** Opens a tab, and one in front of it. Playwright keeps its own pages visible, so it must not know of these. */
export async function openHidden(browser: Browser, url: string): Promise<void> {
  const session = await browser.newBrowserCDPSession();
  const { browserContextId } = await session.send('Target.createBrowserContext');
  await session.send('Target.createTarget', { url, browserContextId });
  await session.send('Target.createTarget', { url: 'about:blank', browserContextId });
}
