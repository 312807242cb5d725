// Baselines: what is faster, slower or the same by intervals of made-up times, and what is no baseline of this device.
import { expect, test } from 'vitest';
import { baselineOf, compareBaseline } from '../../src/timing/baseline.ts';
import type { Timing } from '../../src/timing/timing.ts';
import { uniform } from '../../src/util/rng.ts';

const identity = {
  name: 'GPU',
  driver: '1.0',
  backend: 'vulkan',
  reduction: 'gpu',
  isSoftware: false,
  webgpu: '1',
} as const;
const device = { identity };

/** Times about `milliseconds`, within ± 2 %. */
function timing(name: string, milliseconds: number, changes: Partial<Timing> = {}): Timing {
  const samples = Array.from(
    { length: 20 },
    (_, i) => milliseconds * (0.98 + 0.04 * uniform(Math.round(milliseconds * 1000), i, 0)),
  );
  return {
    name,
    label: 'kernel',
    timer: 'timestamps',
    mode: 'row',
    runs: samples.length,
    milliseconds: { median: milliseconds, p10: milliseconds, p90: milliseconds },
    samples,
    gflops: null,
    gigabytes: null,
    limiter: null,
    ...changes,
  };
}

const before = baselineOf(device, [timing('a', 1), timing('b', 1), timing('c', 1), timing('gone', 2)]);
const now = baselineOf(device, [timing('new', 3), timing('c', 1.001), timing('b', 1.2), timing('a', 0.8)]);

test('each time is faster, slower or the same by the interval of its ratio, or in one of the two alone', () => {
  const changes = compareBaseline(before, now);
  expect(changes.map(({ name, verdict }) => [name, verdict])).toEqual([
    ['a', 'faster'],
    ['b', 'slower'],
    ['c', 'same'],
    ['gone', 'missing'],
    ['new', 'added'],
  ]);
  const [a, b, , gone, added] = changes;
  for (const [change, want] of [
    [a, 0.8],
    [b, 1.2],
  ] as const) {
    const { ratio, interval } = change!;
    expect(Math.abs(ratio! / want - 1)).toBeLessThan(0.02);
    expect(interval!.low).toBeLessThan(ratio!);
    expect(interval!.high).toBeGreaterThan(ratio!);
    expect(interval!.coverage).toBeGreaterThanOrEqual(0.95);
  }
  expect(gone).toMatchObject({ now: null, ratio: null, interval: null });
  expect(added).toMatchObject({ before: null, ratio: null, interval: null });
});

test('its JSON is as good as itself, and holds no more than is compared', () => {
  const json = JSON.stringify(before);
  expect(compareBaseline(json, now)).toEqual(compareBaseline(before, now));
  expect(Object.keys(JSON.parse(json).timings[0])).toEqual(['name', 'label', 'timer', 'mode', 'samples']);
});

test('a difference within the tolerance is the same', () => {
  const verdicts = (tolerance: number) => compareBaseline(before, now, { tolerance }).map(({ verdict }) => verdict);
  expect(verdicts(0.15)).toEqual(['faster', 'slower', 'same', 'missing', 'added']);
  expect(verdicts(0.3)).toEqual(['same', 'same', 'same', 'missing', 'added']);
});

test('samples too few for an interval leave it open', () => {
  const few = baselineOf(device, [timing('a', 0.5, { samples: [0.5, 0.5, 0.5, 0.5, 0.5, 0.5] })]);
  expect(compareBaseline(before, few)[0]).toMatchObject({ ratio: expect.any(Number), interval: null, verdict: null });
});

test('two times of one name are refused when they are collected', () => {
  expect(() => baselineOf(device, [timing('a', 1), timing('a', 2)])).toThrow(
    'name of two timings of results is "a", expected a name of its own for each: option name',
  );
});

test.each<[string, unknown, RegExp]>([
  ['nothing', undefined, /^results is undefined, expected a list of times$/],
  ['one time', timing('a', 1), /^results is an object, expected a list of times$/],
  ['numbers', [1, 2], /^result 0 is 1, expected what time, timeProgram or compare gave$/],
  ['other objects', [{ name: 'a' }], /^label of timing 0 of results is undefined, expected a text$/],
])('%s: no results to collect', (_, results, message) => {
  expect(() => Reflect.apply(baselineOf, null, [device, results])).toThrow(message);
});

/** The baseline with something changed in its text. */
const edited = (from: string, to: string) => {
  const json = JSON.stringify(before);
  expect(json).toContain(from);
  return json.replace(from, to);
};

test.each<[string, () => unknown, RegExp]>([
  ['text that is no JSON', () => 'not json', /^baseline is "not json", expected JSON of baselineOf: /],
  ['a list', () => '[]', /^baseline is \[\], expected what baselineOf makes$/],
  ['null', () => 'null', /^baseline is null, expected what baselineOf makes$/],
  [
    'another schema',
    () => edited('roseinfer-baseline-1', 'roseinfer-kernels-1'),
    /^schema is "roseinfer-kernels-1", expected roseinfer-baseline-1$/,
  ],
  ['no device', () => edited('"device":{', '"device":null,"x":{'), /^key of baseline is "x"/],
  [
    'another adapter',
    () => edited('"name":"GPU"', '"name":"CPU"'),
    /^name of the baseline's device is "CPU", expected GPU, as now: times of two devices say nothing$/,
  ],
  [
    'another driver',
    () => edited('"driver":"1.0"', '"driver":"1.1"'),
    /^driver of the baseline's device is "1.1", expected 1.0, as now/,
  ],
  [
    'another reduction class',
    () => edited('"reduction":"gpu"', '"reduction":"software"'),
    /^reduction of the baseline's device is "software"/,
  ],
  [
    'times that are texts',
    () => edited('"samples":[', '"samples":["1",'),
    /^samples is \["1", .*expected a list of milliseconds$/,
  ],
  [
    'a time below 0',
    () => edited('"samples":[', '"samples":[-1,'),
    /^samples is \[-1, .*expected a list of milliseconds$/,
  ],
  [
    'another timer',
    () => edited('"timer":"timestamps"', '"timer":"clock"'),
    /^timer of a in the baseline is "clock", expected timestamps, as now$/,
  ],
  [
    'another mode',
    () => edited('"mode":"row"', '"mode":"alone"'),
    /^mode of a in the baseline is "alone", expected row, as now$/,
  ],
  ['a key more', () => edited('"mode":"row"', '"mode":"row","note":1'), /^key of timing 0 of baseline is "note"/],
  ['a name missing', () => edited('"name":"a",', ''), /^name of timing 0 of baseline is undefined, expected a text$/],
])('%s is refused', (_, made, message) => {
  const refusal = () => Reflect.apply(compareBaseline, null, [made(), now]);
  expect(refusal).toThrow(message);
});

test.each([
  ['{ "tolerances": 0 }', /^key of options of compareBaseline is "tolerances".*did you mean "tolerance"/],
  ['{ "tolerance": -1 }', /^tolerance is -1, expected a number in \[0, 1\]$/],
])('options %s are refused', (options, message) => {
  expect(() => compareBaseline(before, now, JSON.parse(options))).toThrow(message);
});
