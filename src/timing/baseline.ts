// Times to compare with tomorrow. Samples of two days have no rounds in common, so each median has an interval of its own, and work is
// faster or slower where the quotient of the two intervals says so.
import type { DeviceIdentity } from '../gpu/device-traits.ts';
import { RangeValueError } from '../util/errors.ts';
import { ratio } from '../util/figures.ts';
import { isRecord } from '../util/keys.ts';
import { type Check, type Checks, checkOptions, checkValue, numberIn, oneOf, text } from '../util/option-checks.ts';
import { median } from '../util/statistics.ts';
import { type SpeedVerdict, type TimeComparison, verdictOf } from './compare.ts';
import { type Interval, medianRatioInterval } from './median-interval.ts';
import type { Timing } from './timing.ts';

const SCHEMA = 'roseinfer-baseline-1';

/** Times of some work. */
export type BaselineTiming = Pick<Timing, 'name' | 'label' | 'timer' | 'mode' | 'samples'>;

/** Times on a device. Plain values: `JSON.stringify` writes all of it. */
export interface Baseline {
  readonly schema: typeof SCHEMA;
  readonly device: Pick<DeviceIdentity, 'name' | 'driver' | 'backend' | 'reduction'>;
  readonly timings: readonly BaselineTiming[];
}

/** Options of `compareBaseline`. */
export interface CompareBaselineOptions {
  /** Share by which times may differ and still be the same, for what changes from day to day; 0. */
  readonly tolerance?: number | undefined;
}

/** Times of some work, now and in the baseline. */
export interface BaselineChange {
  readonly name: string;
  /** Medians in milliseconds; null where only the other has it. */
  readonly before: number | null;
  readonly now: number | null;
  /** now / before. */
  readonly ratio: number | null;
  /** Of that ratio; null where either has fewer than 7 samples. */
  readonly interval: Interval | null;
  /** `added` and `missing` are in one of the two alone; null without an interval. */
  readonly verdict: SpeedVerdict | 'added' | 'missing' | null;
}

/**
 * Collects times, of `time`, `timeProgram` and `compare`, for a file of JSON.
 *
 * @throws RangeValueError for two times of one name: `name` tells them apart.
 */
export function baselineOf(
  device: { readonly identity: DeviceIdentity },
  results: readonly (Timing | TimeComparison)[],
): Baseline {
  if (!isRecord(device?.identity)) throw new RangeValueError('device', device, 'what openDevice opens');
  const { name, driver, backend, reduction } = device.identity;
  if (!Array.isArray(results)) throw new RangeValueError('results', results, 'a list of times');
  for (const [i, result] of results.entries()) {
    if (!isRecord(result)) throw new RangeValueError(`result ${i}`, result, 'what time, timeProgram or compare gave');
  }
  const all = results.flatMap((result): readonly Timing[] => ('contestants' in result ? result.contestants : [result]));
  const timings = all.map(({ name: of, label, timer, mode, samples }) => ({ name: of, label, timer, mode, samples }));
  return checkBaseline('results', { schema: SCHEMA, device: { name, driver, backend, reduction }, timings });
}

/**
 * Compares times with those of a baseline of the same device. The interval of a ratio is that of the median now over that of the median
 * before, each from order statistics with half of what a probability of 0.95 leaves: it holds the ratio with at least that.
 *
 * @param baseline what `baselineOf` made, or its JSON.
 * @returns by the names of the baseline, in its order, then those that it lacks.
 * @throws RangeValueError for what is no baseline, for one of another adapter, driver, backend or reduction class, for times that were
 * measured in another way, and for an unknown option.
 */
export function compareBaseline(
  baseline: Baseline | string,
  now: Baseline,
  options: CompareBaselineOptions = {},
): readonly BaselineChange[] {
  checkOptions('options of compareBaseline', options, OPTIONS);
  const { tolerance = 0 } = options;
  const old = checkBaseline('baseline', typeof baseline === 'string' ? parse(baseline) : baseline);
  const current = checkBaseline('now', now);
  for (const key of ['name', 'driver', 'backend', 'reduction'] as const) {
    if (old.device[key] === current.device[key]) continue;
    throw new RangeValueError(
      `${key} of the baseline's device`,
      old.device[key],
      `${current.device[key]}, as now: times of two devices say nothing`,
    );
  }
  const byName = new Map(current.timings.map((timing) => [timing.name, timing]));
  const changes = old.timings.map((before): BaselineChange => {
    const timing = byName.get(before.name);
    byName.delete(before.name);
    if (timing === undefined) return onlyOne(before, 'missing');
    return changeOf(before, timing, tolerance);
  });
  return [...changes, ...[...byName.values()].map((timing) => onlyOne(timing, 'added'))];
}

function onlyOne({ name, samples }: BaselineTiming, verdict: 'added' | 'missing'): BaselineChange {
  const time = median(samples);
  const times = verdict === 'added' ? { before: null, now: time } : { before: time, now: null };
  return { name, ...times, ratio: null, interval: null, verdict };
}

function changeOf(before: BaselineTiming, now: BaselineTiming, tolerance: number): BaselineChange {
  for (const key of ['timer', 'mode'] as const) {
    if (before[key] === now[key]) continue;
    throw new RangeValueError(`${key} of ${now.name} in the baseline`, before[key], `${now[key]}, as now`);
  }
  const [old, current] = [median(before.samples), median(now.samples)];
  const interval = medianRatioInterval(now.samples, before.samples);
  const verdict = interval && verdictOf({ low: interval.low / (1 + tolerance), high: interval.high * (1 + tolerance) });
  return { name: now.name, before: old, now: current, ratio: ratio(current, old), interval, verdict };
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new RangeValueError(
      'baseline',
      json,
      `JSON of baselineOf: ${error instanceof Error ? error.message : error}`,
    );
  }
}

const OPTIONS: Checks<CompareBaselineOptions> = { tolerance: numberIn(0, 1) };
const BASELINE: Checks<Baseline> = {
  schema: { expected: SCHEMA, accepts: (value) => value === SCHEMA },
  device: { expected: 'the identity of a device', accepts: isRecord },
  timings: { expected: 'a list', accepts: Array.isArray },
};
const DEVICE: Checks<Baseline['device']> = { name: text, driver: text, backend: text, reduction: text };
const isTime = (value: unknown) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const samples: Check = {
  expected: 'a list of milliseconds',
  accepts: (value) => Array.isArray(value) && value.length > 0 && value.every(isTime),
};
const TIMING: Checks<BaselineTiming> = {
  name: text,
  label: text,
  timer: oneOf(['timestamps', 'clock']),
  mode: oneOf(['row', 'alone']),
  samples,
};

/** Checks a baseline, which may come from a file. @throws RangeValueError */
function checkBaseline(what: string, value: unknown): Baseline {
  if (!isBaseline(what, value)) throw new RangeValueError(what, value, 'what baselineOf makes');
  const names = value.timings.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return value;
  throw new RangeValueError(`name of two timings of ${what}`, twice, 'a name of its own for each: option name');
}

function isBaseline(what: string, value: unknown): value is Baseline {
  if (!isRecord(value)) return false;
  checkAll(what, value, BASELINE);
  const { device, timings }: { device?: unknown; timings?: unknown } = Object(value);
  checkAll(`device of ${what}`, device, DEVICE);
  if (!Array.isArray(timings)) return false;
  for (const [i, timing] of timings.entries()) checkAll(`timing ${i} of ${what}`, timing, TIMING);
  return true;
}

/** As `checkOptions`, with nothing left out. */
function checkAll(what: string, value: unknown, checks: Readonly<Record<string, Check>>): void {
  checkOptions(what, value, checks);
  for (const [name, check] of Object.entries(checks))
    checkValue(`${name} of ${what}`, Reflect.get(Object(value), name), check);
}
