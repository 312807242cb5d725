// The comparison of tables finds a case with other bits, a wrong kernel, and a host that has other cases.
import { describe, expect, test } from 'vitest';
import type { AdapterReport } from '../../bench/page/examine.ts';
import { compareTables } from './compare-tables.ts';
import { findTool } from './tools.ts';

function reportOf(bits: readonly (string | null)[], verdict: 'ok' | 'wrong' = 'ok'): AdapterReport {
  const cases = bits.map((each, i) => ({ what: `case ${i}`, bits: each }));
  const kernel = { kernel: 'embed', numVariants: 1, numRuns: 1, worst: null, faults: [], cases, verdict };
  return {
    schema: 'roseinfer-adapter-1',
    date: '',
    agent: '',
    device: { name: '', backend: '', driver: '', isSoftware: true, webgpu: '', reduction: 'software' },
    traits: {
      minSubgroupSize: 0,
      f16: false,
      maxWorkgroupInvocations: 256,
      timestamps: false,
      isSoftware: true,
      vendor: '',
      reduction: 'software',
    },
    features: [],
    limits: {},
    models: [{ name: 'tales', dtype: 'f16', kvDtype: 'f32', reduction: 'software', kernels: [kernel] }],
    timings: [],
    seconds: 0,
  };
}

describe('a comparison of tables', () => {
  test('counts the cases whose bits are equal, and names the others', () => {
    expect(compareTables(reportOf(['a', 'b', null]), reportOf(['a', 'c', null]))).toEqual({
      cases: 3,
      equal: 1,
      differing: ['embed of tales: case 1', 'embed of tales: case 2'],
      wrong: [],
    });
  });

  test('names kernels that are wrong', () => {
    expect(compareTables(reportOf(['a'], 'wrong'), reportOf(['a'])).wrong).toEqual(['embed of tales']);
  });

  test('refuses a host that has other cases', () => {
    expect(() => compareTables(reportOf(['a']), reportOf(['a', 'b']))).toThrow('the hosts have other cases: 1 and 2');
  });
});

test('a tool that is missing is told with the mend', () => {
  expect(findTool('no-such-tool')).toEqual({
    missing: 'no no-such-tool in .ci/tools or on the PATH; sh .ci/tools.sh brings it',
  });
  expect(findTool('sh')).toEqual({ path: expect.stringMatching(/\/sh$/) });
});
