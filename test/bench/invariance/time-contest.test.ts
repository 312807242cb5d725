// Timing of a contest: what is compared with what. How long anything takes is no matter here.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Contest } from '../../../bench/invariance/contest.ts';
import { layernormContest } from '../../../bench/invariance/layernorm-contest.ts';
import { timeContest } from '../../../bench/invariance/time-contest.ts';
import { Device } from '../../../src/gpu/device.ts';

let device: Device;
const owned = new DisposableStack();
let contest: Contest;
beforeAll(async () => {
  device = await Device.open();
  contest = await layernormContest(device, owned, { M: 1, C: 64 });
});
afterAll(() => {
  owned.dispose();
  device.close();
});

const options = { rounds: 5, signal: new AbortController().signal };

test('a control many times as long loses to the others, and ours has its price against the best', async ({ skip }) => {
  if (!device.traits.timestamps) skip('the adapter has no timestamp-query');
  const { ours, controls } = contest;
  const slow = { name: 'slow', dispatches: new Array(1000).fill(ours.dispatches[0]) };
  const { throughput, latency } = await timeContest(device, { ...contest, controls: [slow, ...controls] }, options);
  for (const { ours, control, best, price } of [throughput, latency]) {
    expect(best).toMatch(/^free_layernorm/);
    expect(price).toBeCloseTo(ours! / control! - 1, 9);
  }
  const alone = await timeContest(device, { ...contest, controls: [slow] }, options);
  expect(alone.throughput).toMatchObject({ best: 'slow', price: expect.toSatisfy((price: number) => price < 0) });
});

test('a kernel without a control is timed, and has no price', async ({ skip }) => {
  if (!device.traits.timestamps) skip('the adapter has no timestamp-query');
  const { throughput, latency } = await timeContest(device, { ...contest, controls: [] }, options);
  for (const { ours, ...others } of [throughput, latency]) {
    expect(ours).toBeGreaterThan(0);
    expect(others).toEqual({ control: null, best: null, price: null, interval: null });
  }
});

test('an aborted signal ends it with its reason', async ({ skip }) => {
  if (!device.traits.timestamps) skip('the adapter has no timestamp-query');
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(timeContest(device, contest, { rounds: 1, signal })).rejects.toThrow('enough');
});
