// Forms of calls that cost much, or would, sent to a server one after the other: what each is answered and when, and how long the event loop
// was held meanwhile, as the server's own metrics tell.
import type { Script } from '../common/script.ts';

/** Command line of bench/hostile.ts. */
export const hostileScript: Script<Record<string, never>> = {
  usage:
    'node bench/hostile.ts\n\nSends hostile forms to a server without a model: answers, times, and holds of the event loop.',
  flags: {},
};

/** Answer to a form. */
export interface HostileCost {
  readonly name: string;
  readonly status: number;
  /** Milliseconds to the answer, of a good call after it, and of the longest hold of the event loop. */
  readonly answer: number;
  readonly good: number;
  readonly hold: number;
}

const many = <T>(count: number, of: (index: number) => T) => Array.from({ length: count }, (_, index) => of(index));
const GOOD = { guided_choice: ['yes', 'no'] };

/** Name → form. */
const FORMS: Readonly<Record<string, object>> = {
  'a choice of two': GOOD,
  'an enum of 10,000 texts': { guided_json: { enum: many(10_000, (i) => `v${i}`) } },
  'an enum of 130,000 numbers': { guided_json: { enum: new Array(130_000).fill(0) } },
  'a body of 1 MiB in lists': { guided_json: { enum: new Array(300_000).fill([]) } },
  'a prompt of 500,000 ids': { prompt: new Array(500_000).fill(0) },
  'maxLength of 10,000': { guided_json: { type: 'string', maxLength: 10_000 } },
  '4,000 keys': { guided_json: { properties: Object.fromEntries(many(4000, (i) => [`k${i}`, { type: 'null' }])) } },
  '4,000 parts of oneOf': { guided_json: { oneOf: many(4000, (i) => ({ type: 'integer', minimum: i, maximum: i })) } },
  'a nest of {1,10000}': { guided_regex: '((a{1,10000}){1,10000}){1,10000}' },
  'many ways': { guided_regex: '(?:(?:a|b){1,100}){1,100}' },
  '.*a.{12}': { guided_regex: '.*a.{12}' },
  'a regular expression of 10,000': { guided_regex: '(a|b)'.repeat(2000) },
  '5,000 rules': {
    guided_grammar: `root ::= r0\n${many(5000, (i) => `r${i} ::= "a" r${i + 1}`).join('\n')}\nr5000 ::= "b"`,
  },
};

/** Sends each form, and a good one after it. */
export async function measureHostile(
  url: string,
  signal: AbortSignal,
  onCase: (name: string) => void,
): Promise<readonly HostileCost[]> {
  const costs: HostileCost[] = [];
  await send(url, GOOD, signal);
  for (const [name, form] of Object.entries(FORMS)) {
    onCase(name);
    await longestHold(url, signal);
    const { status, elapsed } = await send(url, form, signal);
    const hold = await longestHold(url, signal);
    const { elapsed: good } = await send(url, GOOD, signal);
    costs.push({ name, status, answer: elapsed, good, hold });
  }
  return costs;
}

/** Formats a row for each form. */
export function formatHostile(costs: readonly HostileCost[]): string {
  const rows = costs.map(({ name, status, answer, good, hold }) =>
    [name.padEnd(32), status, ...[answer, good, hold].map((ms) => ms.toFixed(0).padStart(7))].join(' '),
  );
  return [`${'form'.padEnd(32)} status  answer   good   hold, ms`, ...rows].join('\n');
}

async function send(url: string, form: object, signal: AbortSignal) {
  const body = JSON.stringify({ prompt: 'Once', max_tokens: 4, ...form });
  const begin = performance.now();
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/v1/completions`, { method: 'POST', headers, body, signal });
  await response.text();
  return { status: response.status, elapsed: performance.now() - begin };
}

async function longestHold(url: string, signal: AbortSignal): Promise<number> {
  const text = await (await fetch(`${url}/metrics`, { signal })).text();
  return 1000 * Number(/event_loop_delay_seconds\{[^}]*quantile="1"[^}]*\} (\S+)/.exec(text)?.[1]);
}
