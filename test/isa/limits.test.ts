// Limits: the worst figures of a kernel, their comparison with limits, and the file.
import { expect, test } from 'vitest';
import type { ModelFigures, ShaderFigures } from './figures.ts';
import { compareLimits, limitedFigures } from './limits.ts';
import { formatLimits, LimitsError, parseLimits, readLimits } from './limits-file.ts';

const SHADER: ShaderFigures = {
  label: 'matmul[ROWS=1]',
  kernel: 'matmul',
  uses: ['qkv'],
  registers: 24,
  spilled: 0,
  scratch: 0,
  shared: 512,
  waves: 32,
  loops: [],
  rounding: null,
};
const loop = (inFlight: number, words: number) => ({
  label: 'BB1',
  isInnermost: true,
  lines: [],
  memory: { waits: 1, inFlight, words },
});
const cost = { bytes: 0, flops: 0 };
const LAUNCH = { label: SHADER.label, kernel: 'matmul', use: 'qkv', workgroups: 9, lanes: 64, sizes: {}, cost };
const FIGURES: ModelFigures = {
  family: 'navi31',
  adapter: 'RADV NAVI31',
  driver: 'Mesa',
  shaders: [
    { ...SHADER, loops: [loop(1, 1), loop(3, 12)] },
    { ...SHADER, label: 'matmul[ROWS=8]', registers: 48, spilled: 2, waves: 20, loops: [loop(5, 12)] },
    { ...SHADER, label: 'sample', kernel: 'sample' },
  ],
  steps: [
    {
      batch: 1,
      context: 64,
      waits: 969,
      launches: [
        { ...LAUNCH, waits: { inLoops: [192], total: 197 } },
        { ...LAUNCH, workgroups: 3, waits: { inLoops: [768], total: 772 } },
      ],
    },
  ],
};
const LIMITS = limitedFigures(FIGURES);

test('a kernel is limited by the worst of its shaders and dispatches, a step by its sums', () => {
  const statistics = { registers: 24, spilled: 0, scratch: 0, shared: 512, waves: 32 };
  expect(LIMITS).toEqual({
    matmul: { ...statistics, registers: 48, spilled: 2, waves: 20, inFlight: 3, lanes: 192, waits: 772 },
    sample: statistics,
    'batch 1, context 64': { waits: 969, dispatches: 2 },
  });
});

test('figures keep their own limits, and better ones do', () => {
  expect(compareLimits('navi31', LIMITS, LIMITS)).toEqual([]);
  const better = {
    ...LIMITS,
    matmul: { ...LIMITS.matmul, registers: 40, waves: 21, inFlight: 16, lanes: 4096, waits: 6 },
  };
  expect(compareLimits('navi31', better, LIMITS)).toEqual([]);
});

test.each([
  ['registers', 49, 48],
  ['spilled', 3, 2],
  ['scratch', 4, 0],
  ['shared', 513, 512],
  ['waves', 19, 20],
  ['inFlight', 2, 3],
  ['lanes', 191, 192],
  ['waits', 773, 772],
])('%s of %i are worse than a limit of %i', (name, value, limit) => {
  const worse = { ...LIMITS, matmul: { ...LIMITS.matmul, [name]: value } };
  expect(compareLimits('navi31', worse, LIMITS)).toEqual([`navi31, matmul: ${name} ${value}, the limit is ${limit}`]);
});

test('a step of more dispatches or waits is worse', () => {
  const worse = { ...LIMITS, 'batch 1, context 64': { waits: 970, dispatches: 3 } };
  expect(compareLimits('vega10', worse, LIMITS)).toEqual([
    'vega10, batch 1, context 64: waits 970, the limit is 969',
    'vega10, batch 1, context 64: dispatches 3, the limit is 2',
  ]);
});

test('a kernel without limits and limits without a kernel are faults', () => {
  const { sample, ...others } = LIMITS;
  expect(compareLimits('navi31', LIMITS, others)).toContain('navi31, sample: registers 24 has no limit');
  expect(compareLimits('navi31', others, LIMITS)).toContain('navi31, sample: no registers any more, the limit is 24');
});

test('the file says the same when it is read as when it was written', () => {
  const limits = { driver: 'radv: Mesa 25.0.7', families: { navi31: LIMITS, vega10: LIMITS } };
  expect(parseLimits(formatLimits(limits))).toEqual(limits);
});

test('a file with an unknown column or without a number is refused', () => {
  const text = formatLimits({ driver: 'Mesa', families: { navi31: LIMITS } });
  expect(() => parseLimits(text.replace('registers', 'register'))).toThrow(LimitsError);
  expect(() => parseLimits(text.replace(' 48 ', ' 4x '))).toThrow(/has the row "navi31 .*4x/);
  expect(() => parseLimits(text.replace(/ 772.*/, ''))).toThrow(/has the row "navi31/);
});

test('a column that the file lacks is a limit that it lacks', () => {
  const text = formatLimits({ driver: 'Mesa', families: { navi31: LIMITS } });
  const { families } = parseLimits(text.replaceAll(/ {2,}\S+$/gm, ''));
  const lacks = 'navi31, batch 1, context 64: dispatches 2 has no limit';
  expect(compareLimits('navi31', LIMITS, families.navi31 ?? {})).toEqual([lacks]);
});

test('the limits of the project can be read, and no figure of a family is missing', () => {
  const { families } = readLimits();
  expect(Object.keys(families)).toEqual(['polaris10', 'vega10', 'navi10', 'navi21', 'navi31']);
  const subjects = Object.values(families).map((limits) => Object.keys(limits));
  for (const each of subjects) expect(each).toEqual(subjects[0]);
});
