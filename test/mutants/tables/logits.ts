// Quick tables of the kernels over rows of logits, but for the sampler.
import type { Device } from '../../../src/gpu/device.ts';
import { adjustLogits } from '../../../src/kernels/adjust-logits/adjust-logits.ts';
import { adjustedRows } from '../../../src/kernels/adjust-logits/operands.ts';
import { gatherRows } from '../../../src/kernels/gather-rows/gather-rows.ts';
import { logprobs } from '../../../src/kernels/logprobs/logprobs.ts';
import { logprobRows } from '../../../src/kernels/logprobs/operands.ts';
import { maskLogits } from '../../../src/kernels/mask-logits/mask-logits.ts';
import { maskedRows } from '../../../src/kernels/mask-logits/operands.ts';
import { poolHidden } from '../../../src/kernels/pool-hidden/pool-hidden.ts';
import { compareBits } from '../../../src/testing/index.ts';
import { assertPasses } from '../../support/assert-passes.ts';
import { checkAdjustLogits, checkExtremeLogits, runAdjustLogits } from '../../support/kernels/adjust-logits-case.ts';
import { checkGatherRows } from '../../support/kernels/gather-rows-case.ts';
import { checkExtremeLogprobs, checkLogprobs, runLogprobs } from '../../support/kernels/logprobs-case.ts';
import { checkMaskLogits, checkUnmaskable, runMaskLogits } from '../../support/kernels/mask-logits-case.ts';
import { checkPoolHidden } from '../../support/kernels/pool-hidden-case.ts';
import type { Replace } from '../replace.ts';
import type { Table } from './table.ts';

/** Variant of kernels over rows of logits with more lanes, and more loads of each at once, than a processor takes. */
const WIDE = { constants: { LOADS: 4 }, overrides: { LANES: 64 } } as const;

async function checkLogprobses(device: Device, replace: Replace): Promise<void> {
  const kernel = replace(logprobs);
  for (const V of [19, 257]) await checkLogprobs(device, V, kernel);
  const rows = logprobRows(1500);
  // The best token is the last, which stands in for those after it.
  rows[0]!.logits[1499] = 99;
  const words = await runLogprobs(device, rows, kernel, WIDE);
  assertPasses(compareBits(words, await runLogprobs(device, rows, kernel), { label: '64 lanes of four loads' }));
  await checkExtremeLogprobs(device, kernel);
}

async function checkAdjustments(device: Device, replace: Replace): Promise<void> {
  const kernel = replace(adjustLogits);
  await checkAdjustLogits(device, 257, kernel);
  await checkExtremeLogits(device, kernel);
  const rows = adjustedRows(700);
  const words = await runAdjustLogits(device, rows, kernel, WIDE);
  assertPasses(compareBits(words, await runAdjustLogits(device, rows, kernel), { label: '64 lanes of four loads' }));
}

async function checkMasks(device: Device, replace: Replace): Promise<void> {
  const kernel = replace(maskLogits);
  for (const V of [96, 257]) await checkMaskLogits(device, V, kernel);
  await checkUnmaskable(device, kernel);
  const rows = maskedRows(700);
  const ofGPU = { constants: { IDS: 4 }, overrides: { LANES: 64 } };
  const words = await runMaskLogits(device, rows, kernel, ofGPU);
  assertPasses(compareBits(words, await runMaskLogits(device, rows, kernel), { label: 'four ids a lane' }));
}

/** Tables of the kernels that pool, gather, report, adjust and mask rows. */
export const LOGITS_TABLES: readonly Table[] = [
  { shaders: ['gather_rows'], check: (device, replace) => checkGatherRows(device, 65, replace(gatherRows)) },
  { shaders: ['pool_hidden'], check: (device, replace) => checkPoolHidden(device, 65, replace(poolHidden)) },
  { shaders: ['logprobs'], check: checkLogprobses },
  { shaders: ['adjust_logits'], check: checkAdjustments },
  { shaders: ['mask_logits'], check: checkMasks },
];
