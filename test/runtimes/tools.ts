// Programs that test:runtimes needs and the package does not bring. Each is found, or told as missing with the mend.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Folder that .ci/tools.sh installs npm packages in. */
const TOOLS = join(import.meta.dirname, '../../.ci/tools');

/** Arguments of a Chromium without a screen, for root, too. */
export const HEADLESS = ['--headless=new', '--no-sandbox'] as const;

/** How a missing tool is mended. */
const MEND = 'sh .ci/tools.sh brings it';

/** A program that is there, or why it is not. */
export type Tool = { readonly path: string } | { readonly missing: string };

/** Finds a program among the tools, else on the path. */
export function findTool(name: string): Tool {
  const folders = [join(TOOLS, 'node_modules/.bin'), ...(process.env.PATH ?? '').split(delimiter)];
  const path = folders.map((folder) => join(folder, name)).find(isExecutable);
  return path === undefined ? { missing: `no ${name} in .ci/tools or on the PATH; ${MEND}` } : { path };
}

/** Finds the Python that has the clients of Jupyter and of the Hugging Face hub. */
export function findPython(): Tool {
  const path = join(TOOLS, 'python/bin/python');
  return isExecutable(path) ? { path } : { missing: `no Python with .ci/tools/requirements.txt in .ci/tools; ${MEND}` };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The part of playwright-core that is used here: the package is no dependency, so its types are not there either. */
export interface Playwright {
  readonly chromium: {
    launch(options: { executablePath: string; args: readonly string[] }): Promise<Browser>;
  };
}

/** A browser that runs. */
export interface Browser {
  newPage(options?: { colorScheme: 'light' | 'dark'; viewport: { width: number; height: number } }): Promise<Page>;
  close(): Promise<void>;
}

/** A page of a browser. */
export interface Page {
  goto(url: string): Promise<unknown>;
  evaluate(script: string): Promise<unknown>;
  close(): Promise<void>;
  click(selector: string): Promise<void>;
  fill(selector: string, text: string): Promise<void>;
  readonly keyboard: { press(keys: string): Promise<void> };
  waitForSelector(selector: string, options: { timeout: number }): Promise<unknown>;
  waitForEvent(event: 'download'): Promise<{ path(): Promise<string> }>;
  emulateMedia(options: { colorScheme: 'light' | 'dark' }): Promise<void>;
  screenshot(options: { path: string; fullPage: boolean }): Promise<unknown>;
  textContent(selector: string): Promise<string | null>;
  on(event: 'pageerror', listener: (error: Error) => void): void;
  on(event: 'console', listener: (message: { type(): string; text(): string }) => void): void;
  on(event: 'request', listener: (request: { url(): string; postData(): string | null }) => void): void;
}

/** Loads playwright-core from among the tools. */
export async function findPlaywright(): Promise<Playwright | { readonly missing: string }> {
  try {
    const loaded: Playwright = await import(join(TOOLS, 'node_modules/playwright-core/index.mjs'));
    return loaded;
  } catch {
    return { missing: `no playwright-core in .ci/tools; ${MEND}` };
  }
}
