// The page of a real server in a headless Chromium, used by keyboard: tokens arrive, a stop stops, charts move, and nothing is asked of
// another host or said on the console.
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { startProcess } from '../support/server/serve-process.ts';
import { HEADLESS, type Page, type Playwright } from './tools.ts';

const VIEWPORT = { width: 1280, height: 1300 };
/** Against hangs only. */
const TIMEOUT_MS = 120_000;
const LOOK_MS = 100;
const SCHEMES = ['light', 'dark'] as const;

/** Uses the page, and takes a picture of it at work in both colour schemes. @throws Error naming what is wrong. */
export async function useServerPage(
  { chromium }: Playwright,
  executablePath: string,
  directory: string,
): Promise<string> {
  const { child, url } = await startProcess([]);
  const browser = await chromium.launch({ executablePath, args: HEADLESS });
  const faults: string[] = [];
  try {
    const page = await browser.newPage({ colorScheme: 'light', viewport: VIEWPORT });
    page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
    page.on('console', (message) => faults.push(`console: ${message.text()}`));
    page.on('request', (request) => {
      if (!request.url().startsWith(`${url}/`)) faults.push(`request: ${request.url()}`);
    });
    await page.goto(url);
    await until(page, 'the name of the model', `document.querySelector('#model').textContent === 'tales'`);
    const before = await charts(page);
    await page.fill('#prompt', 'Once upon a time there was a king');
    await page.fill('[name=copies]', '3');
    await page.fill('[name=max_tokens]', '900');
    await page.evaluate(`document.querySelector('#prompt').focus()`);
    await page.keyboard.press('Control+Enter');
    await until(
      page,
      'three answers',
      `[...document.querySelectorAll('.answer .text')].filter((line) => line.textContent.length > 40).length === 3`,
    );
    await until(page, 'three requests', `document.querySelectorAll('#requests tr').length === 3`);
    await until(
      page,
      'blocks in use',
      `/ [1-9]\\d* of 512 cells belong to [1-3] requests/.test(document.querySelector('#blocks-text').textContent)`,
    );
    await setTimeout(2000);
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      await setTimeout(1000);
      await page.screenshot({ path: join(directory, `server-${colorScheme}.png`), fullPage: false });
    }
    await until(
      page,
      'the end of a long answer in view',
      `[...document.querySelectorAll('.answer .text')].some(({ scrollTop, scrollHeight, clientHeight }) => scrollTop > 0 && scrollHeight - scrollTop - clientHeight < 2)`,
    );
    if (JSON.stringify(await charts(page)) === JSON.stringify(before)) throw new Error('no chart has moved');
    await page.keyboard.press('Escape');
    // One may have ended by itself before.
    await until(
      page,
      'the stop',
      `(notes => notes.every((note) => note !== '') && notes.includes('stopped'))([...document.querySelectorAll('.answer .hint')].map((each) => each.textContent))`,
    );
    await until(page, 'an idle engine', `document.querySelectorAll('#requests tr').length === 0`);
    await page.click('[value=chat]');
    await page.fill('#prompt', 'Who came?');
    await page.fill('[name=max_tokens]', '12');
    await page.click('#send');
    await until(
      page,
      'a reply',
      `/^12 tokens, .* ended by length$/.test(document.querySelector('.answer .hint')?.textContent)`,
    );
    await page.screenshot({ path: join(directory, 'server-chat.png'), fullPage: false });
    await leaveChat(page);
  } finally {
    await browser.close();
    child.kill('SIGKILL');
  }
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return 'tokens arrive, a stop stops, charts move, by keyboard; no request to another host and no word on the console';
}

/** Begins a new chat while an answer comes: the next call has nothing of the one before. @throws Error with what it has. */
async function leaveChat(page: Page): Promise<void> {
  const calls: (string | null)[] = [];
  page.on('request', (request) => {
    if (request.url().endsWith('/v1/chat/completions')) calls.push(request.postData());
  });
  await page.fill('#prompt', 'Tell me all');
  await page.fill('[name=max_tokens]', '900');
  await page.click('#send');
  await until(page, 'a long reply', `[...document.querySelectorAll('.answer .text')].at(-1)?.textContent.length > 40`);
  await page.click('#reset');
  await until(page, 'a chat to begin', `!document.querySelector('#send').disabled`);
  await page.fill('#prompt', 'Hello');
  await page.click('#send');
  await until(page, 'the call of a new chat', `document.querySelectorAll('.answer').length === 2`);
  const messages: unknown = JSON.parse(calls.at(-1) ?? '{}').messages;
  const expected = [{ role: 'user', content: 'Hello' }];
  if (JSON.stringify(messages) !== JSON.stringify(expected)) {
    throw new Error(`a new chat has ${JSON.stringify(messages)}, expected ${JSON.stringify(expected)}`);
  }
}

/** Pictures of the charts, as texts. */
async function charts(page: Page): Promise<unknown> {
  return await page.evaluate(`[...document.querySelectorAll('#charts canvas')].map((canvas) => canvas.toDataURL())`);
}

/** Waits until a script is true. @throws Error naming what did not come. */
async function until(page: Page, what: string, script: string): Promise<void> {
  const end = Date.now() + TIMEOUT_MS;
  while ((await page.evaluate(script)) !== true) {
    if (Date.now() > end) throw new Error(`${what} did not come`);
    await setTimeout(LOOK_MS);
  }
}
