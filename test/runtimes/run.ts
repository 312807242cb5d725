// The package on other runtimes and another WebGPU: the engine, structured output and a stream that breaks under Bun and Deno, the kernels and a forward pass on Deno's own
// WebGPU, the page and the pages of other sites in Chromium, and the notebooks. What it finds is compared with Node and Dawn.
// A tool that is missing is told and left out; under CI it is a failure.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runScript } from '../../bench/common/script.ts';
import type { AdapterReport } from '../../bench/page/examine.ts';
import { nameFlag } from '../../src/terminal/flags.ts';
import { runPage } from './chromium.ts';
import { compareTables } from './compare-tables.ts';
import { runBeforeCut } from './cut-replica.ts';
import { tryForeignPages } from './foreign-pages.ts';
import { examineReport, plantFaults } from './report-page.ts';
import { useServerPage } from './server-page.ts';
import { findPlaywright, findPython, findTool } from './tools.ts';

interface Tables {
  readonly report: AdapterReport;
  readonly forward: { readonly bits: string; readonly last: readonly number[] };
  readonly ids: readonly (readonly number[])[];
}

/** Requests of the engine that run in each mode. */
const BENCH = [
  'bench/run.ts',
  '--num-requests',
  '4',
  '--max-new-tokens',
  '12',
  '--do-sample',
  '--seed',
  '1',
  '--warmup',
  '0',
];
/** Requests of unlike lengths in each mode, for pictures; their prompts would be scripts if they were no texts. */
const REPORT = [
  'bench/run.ts',
  '--request-rate',
  'inf',
  '--mode',
  'all',
  '--prompts',
  ...Array.from({ length: 12 }, (_, index) => `</script><script>alert(${index})</script><img src=x>`),
  '--output-len',
  '4-60',
  '--warmup',
  '0',
];
/** Requests of a run that is recorded for the simulator. */
const RECORD = [
  'bench/run.ts',
  '--request-rate',
  '50',
  '--num-requests',
  '8',
  '--input-len',
  '4-20',
  '--output-len',
  '3-9',
];
/** Kernels that a report shows. */
const KERNELS = ['bench/kernels.ts', '--model', 'weights/tales', '--filter', 'layernorm rows M=', '--runs', '2'];
/** Lines of a failed program that are shown. */
const LAST_LINES = 15;

const faults: string[] = [];
const begin = performance.now();

function say(what: string, outcome: string): void {
  console.log(`${((performance.now() - begin) / 1000).toFixed(0).padStart(4)} s  ${what}: ${outcome}`);
}

/** Runs a program to its end and gives what it printed. @throws Error with its last lines when it fails. */
async function runProgram(command: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  const child = spawn(command, args, { signal, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      text += chunk;
    });
  }
  const status = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (status === 0) return text;
  const lines = text.trimEnd().split('\n').slice(-LAST_LINES);
  throw new Error(`${command} ended with ${status}:\n${lines.join('\n')}`);
}

/** Runs a part, whose result is one line; a part without its tool is told. */
async function part(what: string, missing: string | null, run: () => Promise<string>): Promise<void> {
  if (missing !== null) {
    say(what, `skipped, ${missing}`);
    if (process.env.CI) faults.push(`${what}: ${missing}`);
    return;
  }
  try {
    say(what, await run());
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    say(what, `FAILED, ${message}`);
    faults.push(what);
  }
}

/** Ids of each request in each mode. */
function idsIn(file: string): string {
  const { modes }: { modes: Record<string, { per_request: { ids: number[] }[] }> } = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  return JSON.stringify(
    Object.entries(modes).map(([mode, { per_request }]) => [mode, per_request.map(({ ids }) => ids)]),
  );
}

function readTables(file: string): Tables {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** Says how a report's tables compare. @throws Error for kernels that are wrong. */
function describe(report: AdapterReport, reference: AdapterReport): string {
  const { cases, equal, differing, wrong } = compareTables(report, reference);
  if (wrong.length > 0) throw new Error(`beyond the bound of float64: ${wrong.join(', ')}`);
  const others = differing.length === 0 ? '' : `; other bits: ${differing.join(' · ')}`;
  return `${cases} cases within their bounds on ${report.device.name}, ${equal} with Dawn's bits${others}`;
}

async function runAll(directory: string, signal: AbortSignal): Promise<void> {
  const [deno, bun, chromium, playwright] = [
    findTool('deno'),
    findTool('bun'),
    findTool('chromium'),
    await findPlaywright(),
  ];
  const missingOf = (tool: object) => ('missing' in tool ? String(tool.missing) : null);
  const pathOf = (tool: object) => ('path' in tool ? String(tool.path) : '');
  const file = (name: string) => join(directory, `${name}.json`);

  await part('Node, the engine', null, async () => {
    await runProgram(process.execPath, [...BENCH, '--json', file('node-ids')], signal);
    return 'ids of all modes are the reference';
  });
  for (const [name, tool, args] of [
    ['Bun', bun, []],
    ['Deno', deno, ['run', '-A', '--quiet']],
  ] as const) {
    await part(`${name}, the engine on Dawn`, missingOf(tool), async () => {
      const out = file(`${name}-ids`);
      await runProgram(pathOf(tool), [...args, ...BENCH, '--json', out], signal);
      if (idsIn(out) !== idsIn(file('node-ids'))) throw new Error("ids are not Node's");
      return "ids of all modes are Node's";
    });
  }
  const forms = 'test/runtimes/structured-output.ts';
  for (const [name, tool, args] of [
    ['Bun', bun, []],
    ['Deno', deno, ['run', '-A', '--quiet']],
  ] as const) {
    await part(`${name}, structured output`, missingOf(tool), async () => {
      const expected = await runProgram(process.execPath, [forms], signal);
      if ((await runProgram(pathOf(tool), [...args, forms], signal)) !== expected)
        throw new Error("masks are not Node's");
      return "masks and refusals are Node's";
    });
  }
  const stream = 'test/runtimes/resumed-stream.ts';
  for (const [name, tool, args] of [
    ['Bun', bun, []],
    ['Deno', deno, ['run', '-A', '--quiet']],
  ] as const) {
    await part(`${name}, a stream that breaks`, missingOf(tool), async () => {
      const expected = await runBeforeCut((urls) => runProgram(process.execPath, [stream, ...urls], signal));
      const found = await runBeforeCut((urls) => runProgram(pathOf(tool), [...args, stream, ...urls], signal));
      if (found !== expected) throw new Error("chunks are not Node's");
      return "it goes on with Node's chunks";
    });
  }
  const script = 'test/runtimes/kernel-tables.ts';
  await part('Node, the kernels', null, async () => {
    await runProgram(process.execPath, [script, file('dawn')], signal);
    return describe(readTables(file('dawn')).report, readTables(file('dawn')).report);
  });
  await part("Deno's own WebGPU", missingOf(deno), async () => {
    await runProgram(pathOf(deno), ['run', '-A', '--quiet', script, file('deno'), 'own'], signal);
    const [own, dawn] = [readTables(file('deno')), readTables(file('dawn'))];
    const isEqual = own.forward.bits === dawn.forward.bits;
    const worst = Math.max(...own.forward.last.map((logit, i) => Math.abs(logit - (dawn.forward.last[i] ?? 0))));
    if (JSON.stringify(own.ids) !== JSON.stringify(dawn.ids)) throw new Error("the engine's ids are not Node's");
    if (!(worst < 1e-2)) throw new Error(`logits of the bundled model are off by ${worst}`);
    const logits = isEqual ? "with Dawn's bits" : `off by ${worst.toExponential(1)} at most`;
    return `${describe(own.report, dawn.report)}; logits of the bundled model ${logits}, and the engine's ids Node's`;
  });
  await part('Chromium, the page', missingOf(chromium) ?? missingOf(playwright), async () => {
    if ('missing' in playwright) return '';
    const { report, verdict } = await runPage(playwright, pathOf(chromium), directory);
    if (!verdict.startsWith('All is well')) throw new Error(verdict);
    return describe(report, readTables(file('dawn')).report);
  });
  await part('Chromium, foreign pages', missingOf(chromium) ?? missingOf(playwright), async () =>
    'missing' in playwright ? '' : await tryForeignPages(playwright, pathOf(chromium)),
  );
  await part('Chromium, the page of a server', missingOf(chromium) ?? missingOf(playwright), async () =>
    'missing' in playwright ? '' : await useServerPage(playwright, pathOf(chromium), directory),
  );
  await part('Chromium, the report of a benchmark', missingOf(chromium) ?? missingOf(playwright), async () => {
    if ('missing' in playwright) return '';
    const page = join(directory, 'run.html');
    await runProgram(process.execPath, [...REPORT, '--report', page, '--overwrite'], signal);
    const found = await examineReport(playwright, pathOf(chromium), page);
    await plantFaults(playwright, pathOf(chromium), page);
    return found;
  });
  await part('Chromium, the reports of other benchmarks', missingOf(chromium) ?? missingOf(playwright), async () => {
    if ('missing' in playwright) return '';
    const [json, recorded] = [join(directory, 'run.json'), join(directory, 'run.jsonl')];
    await runProgram(process.execPath, [...BENCH, '--json', json], signal);
    await runProgram(process.execPath, [...RECORD, '--record', recorded], signal);
    const pages = {
      compared: ['bench/report.ts', json, json],
      kernels: KERNELS,
      simulated: ['bench/simulate.ts', '--calibrate', recorded, '--compare', recorded],
    };
    const found: string[] = [];
    for (const [name, program] of Object.entries(pages)) {
      const page = join(directory, `${name}.html`);
      await runProgram(process.execPath, [...program, '--report', page, '--overwrite'], signal);
      found.push(`${name}: ${await examineReport(playwright, pathOf(chromium), page)}`);
    }
    return found.join('; ');
  });
  await part("Notebooks in Deno's kernel", missingOf(deno) ?? missingOf(findPython()), async () => {
    await runProgram(process.execPath, ['test/runtimes/notebooks.ts'], signal);
    return 'print what they hold';
  });
  await part("The hub's cache", missingOf(findPython()), async () => {
    await runProgram(process.execPath, ['test/runtimes/hub-cache.ts'], signal);
    return 'the Python client and roseinfer use what the other fetched as it is';
  });
}

const flags = {
  out: {
    ...nameFlag('out'),
    defaultDescription: 'a new one',
    describe: 'directory for the reports and pictures',
  },
};
const usage =
  'node test/runtimes/run.ts [flags]\n\nRuns the package on other runtimes and another WebGPU, and compares with Node and Dawn.';

await runScript({ usage, flags }, async ({ out }, signal) => {
  const directory = out ?? mkdtempSync(join(tmpdir(), 'runtimes-'));
  mkdirSync(directory, { recursive: true });
  await runAll(directory, signal);
  console.log(`runtimes: reports and pictures are in ${directory}`);
  if (faults.length === 0) return;
  console.error(`runtimes: FAILED: ${faults.join('; ')}`);
  process.exitCode = 1;
});
