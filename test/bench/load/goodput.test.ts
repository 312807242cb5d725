// Limits of --goodput: their syntax, and the requests that keep them.
import { describe, expect, test } from 'vitest';
import { isGood, parseGoodput } from '../../../bench/load/goodput.ts';

describe('parseGoodput', () => {
  test("reads limits in any order, the end-to-end one also under vLLM's name", () => {
    expect(parseGoodput(['tpot:50', 'ttft:200.5'])).toEqual({ ttft: 200.5, tpot: 50 });
    expect(parseGoodput(['e2e:1000'])).toEqual(parseGoodput(['e2el:1000']));
  });

  test.each([
    ['ttft'],
    ['ttft:'],
    ['itl:3'],
    ['ttft:-1'],
    ['ttft:1', 'ttft:2'],
    ['e2e:1', 'e2el:2'],
    ['ttft:NaN'],
    [`ttft:${'9'.repeat(400)}`],
  ])('refuses %j %j', (...texts) => {
    expect(() => parseGoodput(texts)).toThrow(/^--goodput is ".*", expected ttft:MS, tpot:MS and e2e:MS/);
  });

  test('refuses nothing at all', () => {
    expect(() => parseGoodput([])).toThrow('number of --goodput is 0, expected at least 1');
  });
});

describe('isGood', () => {
  const latency = { ttft: 100, tpot: 10, e2e: 500 };

  test('asks for every limit that there is', () => {
    expect(isGood(latency, {})).toBe(true);
    expect(isGood(latency, { ttft: 100, tpot: 10, e2e: 500 })).toBe(true);
    expect(isGood(latency, { ttft: 99.9 })).toBe(false);
    expect(isGood(latency, { ttft: 100, tpot: 9.9 })).toBe(false);
    expect(isGood(latency, { e2e: 499 })).toBe(false);
  });

  test('lets a request of one token, which has no TPOT, keep that limit', () => {
    expect(isGood({ ...latency, tpot: null }, { tpot: 1 })).toBe(true);
  });
});
