// The probes of an adapter, each compared with words or numbers of the host and with a planted fault, and what follows from
// their numbers.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { probeFma, probeLoad, probeRead } from '../../src/timing/probes.ts';
import { bestRoofline, formatRoofline, medianRoofline, shareOfRoofline } from '../../src/timing/roofline.ts';
import { RooflineProbe } from '../../src/timing/roofline-probe.ts';
import { mutant } from '../support/kernels/mutant.ts';
import { checkProbeFma, checkProbeLoad, checkProbeRead } from '../support/kernels/probe-checks.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

describe('the probe of reading', () => {
  test('reads every word once', () => checkProbeRead(device));

  test('and the check finds one that reads its first vectors again and again', async () => {
    const lazy = mutant(probeRead, [['at += 4u / STREAMS * LANES;', '']]);
    await expect(checkProbeRead(device, lazy)).rejects.toThrow('words differ');
  });
});

describe('the probe of loads', () => {
  test('loads every word in every round', () => checkProbeLoad(device));

  test('and the check finds one that leaves out all rounds but the first', async () => {
    const lazy = mutant(probeLoad, [['r < params.ROUNDS', 'r < min(params.ROUNDS, 1u)']]);
    await expect(checkProbeLoad(device, lazy)).rejects.toThrow('words differ');
  });
});

describe('the probe of multiply-adds', () => {
  test('does all of them', () => checkProbeFma(device));

  test('and the check finds one that starts anew in every round', async () => {
    const lazy = mutant(probeFma, [['  }\n  let sum', '    a = start;\n  }\n  let sum']]);
    await expect(checkProbeFma(device, lazy)).rejects.toThrow('element');
  });
});

test('the probes measure each number, again and again, and leave nothing behind', async ({ skip }) => {
  if (!device.traits.timestamps) skip('the adapter has no timestamp-query');
  const before = device.liveBuffers;
  const probe = await RooflineProbe.create(device);
  const measured = [await probe.measure(), await probe.measure()];
  probe.close();
  probe.close();
  expect(device.liveBuffers).toBe(before);
  for (const numbers of measured) {
    for (const number of Object.values(numbers)) expect(number).toBeGreaterThan(0);
  }
});

const ROOFLINE = { gigabytes: 10, gigawords: 5, gflops: 100, launch: 0.01 };

test('the better of two rooflines has the better of each number', () => {
  const other = { gigabytes: 11, gigawords: 4, gflops: 101, launch: 0.02 };
  expect(bestRoofline(ROOFLINE, other)).toEqual({ gigabytes: 11, gigawords: 5, gflops: 101, launch: 0.01 });
});

test('the middle of some rooflines has the middle of each number', () => {
  const others = [
    { gigabytes: 8, gigawords: 7, gflops: 101, launch: 0.03 },
    { gigabytes: 11, gigawords: 4, gflops: 90, launch: 0.001 },
  ];
  expect(medianRoofline([ROOFLINE, ...others])).toEqual(ROOFLINE);
});

test('the share of the roofline is that of the bound that the work meets first', () => {
  // 2e7 bytes take 2 ms at best, 2e7 words 4 ms, 1e8 operations 1 ms.
  expect(shareOfRoofline({ bytes: 2e7, flops: 1e8 }, 4, ROOFLINE)).toBeCloseTo(0.5, 12);
  expect(shareOfRoofline({ bytes: 2e7, loads: 2e7, flops: 1e8 }, 4, ROOFLINE)).toBeCloseTo(1, 12);
  expect(shareOfRoofline({ bytes: 1e6, loads: 1e6, flops: 1e9 }, 40, ROOFLINE)).toBeCloseTo(0.25, 12);
});

test('the share of the roofline is none where the time or a speed that counts is none', () => {
  const unknown = { ...ROOFLINE, gigawords: null };
  expect(shareOfRoofline({ bytes: 2e7, flops: 1e8 }, 0, ROOFLINE)).toBeNull();
  expect(shareOfRoofline({ bytes: 2e7, loads: 1, flops: 1e8 }, 4, unknown)).toBeNull();
  expect(shareOfRoofline({ bytes: 2e7, flops: 1e8 }, 4, unknown)).toBeCloseTo(0.5, 12);
  expect(bestRoofline(unknown, ROOFLINE)).toEqual(ROOFLINE);
  expect(medianRoofline([unknown]).gigawords).toBeNull();
  expect(formatRoofline(unknown)).toContain('10.0 GB/s read, - Gwords/s loaded');
});

test('a roofline is a line of text', () => {
  expect(formatRoofline(ROOFLINE)).toBe(
    'this adapter at best: 10.0 GB/s read, 5.0 Gwords/s loaded, 100.0 GFLOP/s in multiply-adds, 10.0 µs a dispatch',
  );
});
