// The doctor's reports as text: the machine, the model, a line for each kernel.
import { describeStorage } from '../models/weight-storage.ts';
import type { KernelReport } from './judge.ts';
import type { Machine } from './machine.ts';
import type { Subject } from './subject.ts';

/** Formats the machine's adapter, driver, features and limits, in lines. */
export function formatMachine(machine: Machine): string {
  const { roseinfer, node, webgpu, platform, glibc, backends, environment, adapter } = machine;
  const tried = Object.entries(backends).map(([name, adapters]) => `${name} (${adapters.join('; ') || 'no adapter'})`);
  const lines = [
    `roseinfer ${roseinfer} · Node ${node} · webgpu ${webgpu} · ${platform}${glibc === null ? '' : ` · glibc ${glibc}`}`,
    `backends tried: ${tried.join(', ')}`,
    ...Object.entries(environment).map(([name, value]) => `${name}=${value}`),
  ];
  if (adapter === null) return [...lines, 'adapter: none'].join('\n');
  const { name, backend, driver, isSoftware, reduction, subgroupSizes, features, limits } = adapter;
  const subgroups =
    subgroupSizes === null ? 'no subgroups' : `subgroups of ${[...new Set(subgroupSizes)].join(' to ')}`;
  return [
    ...lines,
    `adapter: ${name} · ${backend}${isSoftware ? ' · software' : ''} · ${subgroups}`,
    `driver: ${driver}`,
    `reduction: ${reduction}`,
    `features: ${features.join(', ')}`,
    ...Object.entries(limits).map(([limit, value]) => `${limit}: ${value}`),
  ].join('\n');
}

/** Formats the model's shape, in a line. */
export function formatModel(name: string, { model, storage, kvDtype }: Omit<Subject, 'device' | 'kernels'>): string {
  const { numLayers: L, numHeads: H, headDim: D, hiddenSize: C, mlpSize: F, vocabSize: V } = model.config;
  return `model: ${name} · L ${L}, H ${H}, D ${D}, C ${C}, F ${F}, V ${V} · weights ${describeStorage(model, storage)}, KV ${kvDtype}`;
}

/** Heads of the columns of the doctor's table. */
export const TABLE_HEAD = formatRow('kernel', 'variants', 'runs', 'result');

/** Formats a kernel's line of the table, and a line for each variant that is wrong. */
export function formatKernel({ kernel, numVariants, numRuns, worst, faults, verdict }: KernelReport): string {
  const ok = worst === null ? 'ok, exact' : `ok, ${formatWorst(worst)}`;
  const result = numRuns === 0 ? 'not run: the model does not use it' : verdict === 'ok' ? ok : verdict;
  return [
    formatRow(kernel, String(numVariants), String(numRuns), result),
    ...faults.map(({ variant, isBase, usedByModel, message }) => {
      const what = isBase ? 'base variant' : usedByModel ? "the model's variant" : 'avoid';
      return `  ${what} ${variant}: ${message}`;
    }),
  ].join('\n');
}

function formatWorst({ what, index, got, want, error, tolerance }: NonNullable<KernelReport['worst']>): string {
  const share = ((100 * error) / tolerance).toPrecision(2);
  return (
    `worst error ${error.toExponential(1)}, ${share} % of its bound ` +
    `(${what}: element ${index} is ${formatNumber(got)}, expected ${formatNumber(want)})`
  );
}

/** All digits that f32 has. */
function formatNumber(value: number): string {
  return String(Number(value.toPrecision(9)));
}

function formatRow(kernel: string, variants: string, runs: string, result: string): string {
  return `${kernel.padEnd(32)} ${variants.padStart(8)} ${runs.padStart(5)}  ${result}`;
}
