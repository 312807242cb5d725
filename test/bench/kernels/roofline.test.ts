import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { probeFma, probeRead } from '../../../bench/kernels/probes.ts';
import { bestRoofline, shareOfRoofline } from '../../../bench/kernels/roofline.ts';
import { Device } from '../../../src/gpu/device.ts';
import { mutant } from '../../support/mutant.ts';
import { checkProbeFma, checkProbeRead } from '../../support/probe-checks.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

describe('the probe of reading', () => {
  test('reads every word once', () => checkProbeRead(device));

  test('and the check finds one that reads its first vectors again and again', async () => {
    const lazy = mutant(probeRead, [['at += 4u * LANES;', '']]);
    await expect(checkProbeRead(device, lazy)).rejects.toThrow('words differ');
  });
});

describe('the probe of multiply-adds', () => {
  test('does all of them', () => checkProbeFma(device));

  test('and the check finds one that starts anew in every round', async () => {
    const lazy = mutant(probeFma, [['  }\n  let sum', '    a = start;\n  }\n  let sum']]);
    await expect(checkProbeFma(device, lazy)).rejects.toThrow('element');
  });
});

test('the better of two rooflines has the better of each', () => {
  const [a, b] = [
    { gigabytes: 10, gflops: 90 },
    { gigabytes: 8, gflops: 100 },
  ];
  expect(bestRoofline(a, b)).toEqual({ gigabytes: 10, gflops: 100 });
});

test('the share of the roofline is that of the bound that the work meets first', () => {
  const roofline = { gigabytes: 10, gflops: 100 };
  // 2e7 bytes take 2 ms at best, 1e8 operations 1 ms.
  expect(shareOfRoofline({ bytes: 2e7, flops: 1e8 }, 4, roofline)).toBeCloseTo(0.5, 12);
  expect(shareOfRoofline({ bytes: 1e6, flops: 1e9 }, 40, roofline)).toBeCloseTo(0.25, 12);
});
