// The page of a report in a headless Chromium, in both colour schemes: it asks for nothing and says nothing on the console, every
// figure is there, and its words can be read: none is cut, lies on another or is too pale.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { HEADLESS, type Page, type Playwright } from './tools.ts';

/** Widths of a screen and of a telephone. */
const WIDTHS = [1000, 390] as const;
const SCHEMES = ['light', 'dark'] as const;
const HEIGHT = 900;

/** What the script in the page finds. */
interface Findings {
  /** Names of the figures. */
  readonly figures: readonly string[];
  readonly faults: readonly string[];
}

/** Opens the page of a report and takes a picture of each state beside it. @throws Error naming what is wrong. */
export async function examineReport({ chromium }: Playwright, executablePath: string, file: string): Promise<string> {
  const browser = await chromium.launch({ executablePath, args: HEADLESS });
  const faults: string[] = [];
  let figures: readonly string[] = [];
  try {
    for (const width of WIDTHS) {
      for (const colorScheme of SCHEMES) {
        const page = await browser.newPage({ colorScheme, viewport: { width, height: HEIGHT } });
        const state = `${colorScheme}, ${width} pixels`;
        const found = await examine(page, file);
        await page.screenshot({ path: file.replace(/\.html$/, `-${colorScheme}-${width}.png`), fullPage: true });
        await page.close();
        faults.push(...found.faults.map((fault) => `${state}: ${fault}`));
        figures = found.figures;
      }
    }
  } finally {
    await browser.close();
  }
  if (figures.length === 0) faults.push('the page has no figure');
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return `${figures.length} figures (${figures.join(', ')}) in both colour schemes, without a request or a word on the console`;
}

/** Faults to plant in a page, each with a part of what is then said. */
const PLANTED: readonly { readonly from: string | RegExp; readonly to: string; readonly said: string }[] = [
  { from: '</main>', to: '<img src="x.png"></main>', said: 'request: ' },
  { from: '</main>', to: '<script>1</script></main>', said: 'foreign element' },
  { from: /(<text [^>]*>)naive</, to: `$1${'naive '.repeat(20)}<`, said: 'is cut' },
  { from: /(<text [^>]*>)naive</, to: '$1naive</text>$1over<', said: '"naive" lies on "over"' },
  { from: '<figcaption>', to: '<figcaption style="color:#888">', said: 'is too pale' },
  { from: '<figure ', to: '<figure hidden ', said: 'is not seen' },
];

/** Checks that the examination finds planted faults. @throws Error naming one that it does not find. */
export async function plantFaults({ chromium }: Playwright, executablePath: string, file: string): Promise<void> {
  const browser = await chromium.launch({ executablePath, args: HEADLESS });
  const html = readFileSync(file, 'utf8');
  const spoiled = file.replace(/\.html$/, '-spoiled.html');
  try {
    for (const { from, to, said } of PLANTED) {
      writeFileSync(spoiled, html.replace(from, to));
      const page = await browser.newPage({ colorScheme: 'light', viewport: { width: WIDTHS[0], height: HEIGHT } });
      const { faults } = await examine(page, spoiled);
      await page.close();
      if (!faults.some((fault) => fault.includes(said))) throw new Error(`a planted fault is not found: ${said}`);
    }
  } finally {
    await browser.close();
  }
}

async function examine(page: Page, file: string): Promise<Findings> {
  const faults: string[] = [];
  const url = pathToFileURL(file).href;
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('console', (message) => faults.push(`console: ${message.text()}`));
  page.on('request', (request) => {
    if (request.url() !== url) faults.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  const script = readFileSync(join(import.meta.dirname, 'examine-figures.js'), 'utf8');
  const found: Findings = JSON.parse(String(await page.evaluate(script)));
  return { figures: found.figures, faults: [...faults, ...found.faults] };
}
