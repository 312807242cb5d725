// The page that examines the visitor's GPU: it starts the examination, shows each result as it comes, and saves all of them as a
// file. It is a script of its own, so that the page works from a server and from a disk.
import type { KernelReport } from '../../src/doctor/judge.ts';
import { openDevice } from '../../src/gpu/device.ts';
import { type AdapterReport, type ExamineEvent, examine, wrongKernels } from './examine.ts';
import { examinedModels } from './models.ts';

/** `?variants=base` leaves out all others, for a short look. */
const variants = new URLSearchParams(location.search).get('variants') === 'base' ? 'base' : 'all';
const EQUAL = variants === 'all' ? ', and equal in every variant' : '';
const DIGITS = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
/** Kernels of a model, about: for the bar of the progress alone. */
const KERNELS_OF_MODEL = 12;

function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`the page has no ${id}`);
}

const start = element('start', HTMLButtonElement);
const save = element('save', HTMLButtonElement);
const verdict = element('verdict', HTMLParagraphElement);
const progress = element('progress', HTMLDivElement);
const bar = element('bar', HTMLProgressElement);
const step = element('step', HTMLSpanElement);
const facts = element('device', HTMLDListElement);
const results = element('results', HTMLDivElement);

interface Cell {
  readonly text: string;
  readonly className?: string;
}

/** Adds a table under a heading; returns a function that adds its rows. */
function addTable(title: string, details: string, heads: readonly Cell[]): (...cells: readonly Cell[]) => HTMLElement {
  const heading = document.createElement('h2');
  const small = document.createElement('small');
  small.textContent = details;
  heading.append(`${title} `, small);
  const frame = document.createElement('div');
  frame.className = 'table';
  const table = document.createElement('table');
  const rowOf = (tag: 'td' | 'th', cells: readonly Cell[]) => {
    const row = document.createElement('tr');
    for (const { text, className = '' } of cells) {
      const cell = document.createElement(tag);
      cell.textContent = text;
      cell.className = className;
      row.append(cell);
    }
    table.append(row);
    return row;
  };
  rowOf('th', heads);
  frame.append(table);
  results.append(heading, frame);
  return (...cells) => rowOf('td', cells);
}

const number = (value: string): Cell => ({ text: value, className: 'number' });

function worstOf({ worst, verdict: outcome }: KernelReport): string {
  if (outcome === 'wrong') return 'wrong';
  if (worst === null) return 'ok, exact';
  return `ok, error at most ${((100 * worst.error) / worst.tolerance).toPrecision(2)} % of its bound`;
}

function showFacts(entries: readonly (readonly [string, string])[]): void {
  facts.hidden = false;
  for (const [name, value] of entries) {
    const term = document.createElement('dt');
    const description = document.createElement('dd');
    term.textContent = name;
    description.textContent = value;
    facts.append(term, description);
  }
}

/** Shows the steps of an examination as they come. */
function display(): (event: ExamineEvent) => void {
  const expected = KERNELS_OF_MODEL * examinedModels().length;
  let done = 0;
  let addRow: ReturnType<typeof addTable> = () => document.createElement('tr');
  let hasTimings = false;
  return (event) => {
    bar.value = Math.min(++done / expected, 0.99);
    if (event.kind === 'device') {
      const { device, traits, features } = event;
      showFacts([
        ['adapter', `${device.name}${traits.isSoftware ? ', in software' : ''}`],
        ['browser', /\w*(?:Chrome|Firefox|Edg|Version)\/[\d.]+/.exec(device.webgpu)?.[0] ?? device.webgpu],
        ['subgroups', traits.minSubgroupSize > 0 ? `of ${traits.minSubgroupSize} lanes and more` : 'none'],
        ['features', features.join(', ') || 'none'],
      ]);
    } else if (event.kind === 'model') {
      step.textContent = event.name;
      const details = `weights ${event.dtype}, KV ${event.kvDtype}, sums in the order of the class ${event.reduction}`;
      addRow = addTable(event.name, details, [
        { text: 'kernel' },
        number('variants'),
        number('runs'),
        { text: 'result' },
      ]);
    } else if (event.kind === 'kernel') {
      const { report } = event;
      const { kernel, numVariants, numRuns, faults } = report;
      const row = addRow({ text: kernel }, number(`${numVariants}`), number(`${numRuns}`), {
        text: worstOf(report),
        className: report.verdict,
      });
      for (const { variant, message } of faults) {
        const fault = document.createElement('p');
        fault.className = 'fault';
        fault.textContent = `${variant}: ${message}`;
        row.lastElementChild?.append(fault);
      }
    } else {
      step.textContent = 'timing';
      if (!hasTimings) {
        const heads = [{ text: 'kernel' }, number('ms'), number('GB/s'), number('GFLOP/s')];
        addRow = addTable('Timings', 'by the GPU where it has timestamps', heads);
      }
      hasTimings = true;
      const { what, milliseconds, gigabytes, gflops } = event.timing;
      const digits = (value: number | null) => number(value === null ? 'not known' : DIGITS.format(value));
      addRow({ text: what }, digits(milliseconds.median), digits(gigabytes), digits(gflops));
    }
  };
}

function conclude(text: string, className: string): void {
  progress.hidden = true;
  verdict.hidden = false;
  verdict.textContent = text;
  verdict.className = className;
}

function saveReport(report: AdapterReport): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([JSON.stringify(report, null, 1)], { type: 'application/json' }));
  link.download = `roseinfer-${report.device.name.replaceAll(/\W+/g, '-').toLowerCase()}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}

async function run(): Promise<void> {
  start.disabled = true;
  progress.hidden = false;
  verdict.hidden = true;
  try {
    const report = await examine({ open: (reduction) => openDevice({ reduction }), variants, onEvent: display() });
    const wrong = wrongKernels(report);
    const seconds = `${report.seconds.toFixed(0)} s`;
    if (wrong.length > 0) conclude(`Wrong on this GPU: ${wrong.join(', ')}.`, 'wrong');
    else conclude(`All is well: every kernel is within its bound${EQUAL}, after ${seconds}.`, 'ok');
    save.hidden = false;
    save.onclick = () => saveReport(report);
  } catch (error) {
    conclude(error instanceof Error ? error.message : String(error), 'wrong');
  }
}

start.addEventListener('click', () => void run());
