// Metrics of a request from its stamps, by hand: a metric without samples is null, never 0 or NaN.
import { expect, test } from 'vitest';
import { requestTimings } from '../../../src/engine/observe/timings.ts';

test('TPOT is the mean gap after the first token, and absent for a single one', () => {
  expect(requestTimings(100, [130, 140, 160], 160)).toMatchObject({ ttft: 30, tpot: 15, e2e: 60 });
  expect(requestTimings(100, [130], 130)).toMatchObject({ ttft: 30, tpot: null, e2e: 30 });
});

test('a request without tokens has no metric but its length', () => {
  expect(requestTimings(100, [], 107)).toEqual({
    started: null,
    arrival: 100,
    firstToken: null,
    lastToken: null,
    tokenTimes: [],
    ttft: null,
    tpot: null,
    e2e: 7,
  });
});

test('a first token at time 0 counts', () => {
  expect(requestTimings(0, [0, 2], 2)).toMatchObject({ firstToken: 0, ttft: 0, tpot: 2 });
});
