// Agreement of two results: model and workload have to be the same, surroundings should be, and all other settings may differ, for a
// comparison of them is why the runs were made.
import { isDeepStrictEqual } from 'node:util';
import { RoseinferError } from '../../src/util/errors.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { clip } from '../../src/util/quote.ts';
import type { BenchArgs } from '../load/args.ts';
import type { ModeResult, RunResult } from './result.ts';

/** Error of two results that can't be compared; `field` is in which they differ. */
class DisagreementError extends RoseinferError {
  readonly field: string;

  constructor(field: string, values: readonly [unknown, unknown], expected: string) {
    super(
      `${field} is ${showValue(values[0])} in the first and ${showValue(values[1])} in the second, expected ${expected}`,
    );
    this.field = field;
  }
}

/** Setting in which two results differ. */
export interface Difference {
  readonly field: string;
  readonly first: unknown;
  readonly second: unknown;
}

/** Flags that make the workload. A dataset is known by its requests, wherever its file lies. */
const WORKLOAD: readonly (keyof BenchArgs)[] = [
  'num-requests',
  'max-new-tokens',
  'prompt',
  'prompts',
  'do-sample',
  'temperature',
  'top-k',
  'top-p',
  'min-p',
  'ignore-eos',
  'seed',
  'request-rate',
  'burstiness',
  'input-len',
  'output-len',
  'shared-prefix',
  'goodput',
];
/** Flags that only say where files lie, or which modes ran. */
const NO_SETTING: readonly string[] = [
  'model',
  'mode',
  'dataset',
  'json',
  'trace',
  'record',
  'report',
  'report-svg',
  'overwrite',
  ...WORKLOAD,
];
const ENVIRONMENT = ['adapter', 'driver', 'reduction', 'node', 'webgpu', 'fallbacks'];
const ORIGIN = ['dtype', 'commit'];
/** Seconds by which arrivals may differ: rounding of the clock's readings. */
const ARRIVAL_TOLERANCE = 1e-3;

/** Refuses results of different models or workloads. @throws DisagreementError naming the field. */
export function checkAgreement(first: RunResult, second: RunResult): void {
  expectSame('model', [first.meta.model, second.meta.model], 'results of one model');
  if (sharedModes(first, second).length === 0) {
    const values = [[...first.modes.keys()], [...second.modes.keys()]] as const;
    throw new DisagreementError('mode', values, 'a mode in both');
  }
  for (const flag of WORKLOAD) {
    expectSame(`--${flag}`, [first.args[flag], second.args[flag]], 'results of one workload');
  }
  const isHeldBack = [first, second].some(({ args }) => args['max-concurrency'] !== undefined);
  for (const [mode, ...results] of sharedModes(first, second)) checkRequests(mode, results, isHeldBack);
}

function checkRequests(mode: string, [first, second]: readonly [ModeResult, ModeResult], isHeldBack: boolean): void {
  const expected = 'results of one workload';
  expectSame(`the load of ${mode}`, [first.kind, second.kind], expected);
  expectSame(`number of requests of ${mode}`, [first.requests.length, second.requests.length], expected);
  for (const [i, request] of first.requests.entries()) {
    const other = second.requests[i]!;
    // A rejected request has no length.
    if (request.isComplete && other.isComplete) {
      const lengths = [request.promptTokens, other.promptTokens] as const;
      expectSame(`tokens of prompt ${i} of ${mode}`, lengths, expected);
    }
    if (!isHeldBack && Math.abs(request.start - other.start) > ARRIVAL_TOLERANCE) {
      throw new DisagreementError(`arrival of request ${i} of ${mode}`, [request.start, other.start], expected);
    }
  }
}

/** Lists the modes that both results have, in the order of the first. */
export function sharedModes(first: RunResult, second: RunResult): [string, ModeResult, ModeResult][] {
  return [...first.modes].flatMap(([mode, result]) => {
    const other = second.modes.get(mode);
    return other === undefined ? [] : [[mode, result, other]];
  });
}

/** Lists the settings in which two results differ. */
export function differencesOf(first: RunResult, second: RunResult): Difference[] {
  const flags = Object.keys({ ...first.args, ...second.args }).filter((flag) => !NO_SETTING.includes(flag));
  return [
    ...differencesIn(first.meta, second.meta, ORIGIN),
    ...differencesIn(first.args, second.args, flags).map((found) => ({ ...found, field: `--${found.field}` })),
  ];
}

/** Lists the surroundings in which two results differ. */
export function environmentOf(first: RunResult, second: RunResult): Difference[] {
  return differencesIn(first.meta, second.meta, ENVIRONMENT);
}

function differencesIn(first: JsonObject, second: JsonObject, fields: readonly string[]): Difference[] {
  return fields
    .filter((field) => !isDeepStrictEqual(first[field], second[field]))
    .map((field) => ({ field, first: first[field], second: second[field] }));
}

/** Formats a difference. */
export function formatDifference({ field, first, second }: Difference): string {
  return `${field} ${showValue(first)} → ${showValue(second)}`;
}

function expectSame(field: string, values: readonly [unknown, unknown], expected: string): void {
  if (!isDeepStrictEqual(...values)) throw new DisagreementError(field, values, expected);
}

/** Shows a value of a JSON file; `not given` for a flag that is not there. */
export function showValue(value: unknown): string {
  return value === undefined ? 'not given' : clip(JSON.stringify(value));
}
