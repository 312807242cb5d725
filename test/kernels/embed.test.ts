// Embeddings at every end of the bound vocabulary range, from each storage of the table, and refusals.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { embed } from '../../src/kernels/embed/embed.ts';
import { hostTensor, unwritten } from '../../src/kernels/kernel-case.ts';
import { packedTensor } from '../../src/kernels/weights/operands.ts';
import { WEIGHT_DTYPES } from '../../src/kernels/weights/weight-tiles.ts';
import { checkEmbed, checkEmbedTokens, V } from '../support/kernels/embed-case.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';
import { runKernel } from '../support/kernels/run-kernel.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

describe.each(WEIGHT_DTYPES)('embed from weights of %s', (dtype) => {
  test.each([1, 2, 7, 63, 64, 65, 131, 768])('adds token and position rows of %i', (C) =>
    checkEmbed(device, { C, dtype, first: 0, N: V }),
  );

  test('gives token rows alone to models without rows of positions', async () => {
    for (const C of [1, 65, 131]) await checkEmbedTokens(device, { C, dtype, first: 0, N: V });
    await checkEmbedTokens(device, { C: 60, dtype, first: 96, N: 96 });
  });

  test.each([
    { first: 0, N: 96 },
    { first: 96, N: 96 },
    { first: 192, N: V - 192 },
    { first: 95, N: 1 },
  ])('with ids [$first, $first + $N) bound writes the rows of those tokens and no others', (range) =>
    checkEmbed(device, { C: 60, dtype, ...range }),
  );
});

test('embed refuses a wte of another width, and a choice of another storage type', async () => {
  const operands = {
    token_ids: hostTensor(Int32Array.of(0), 1),
    next_tokens: hostTensor(Int32Array.of(0), 1),
    positions: hostTensor(Int32Array.of(0), 1),
    wte: packedTensor({ K: 60, N: 2, dtype: 'f32' }, new Float32Array(120), 'nk'),
    wpe: hostTensor(new Float32Array(60), 1, 60),
    out: unwritten(1, 60),
  };
  const run = runKernel(device, embed, operands, {}, { conditions: { W_F16: true } });
  await expect(run).rejects.toThrow('embed: W_F16 is chosen as true, but wte is f32');
  const narrow = { ...operands, wpe: hostTensor(new Float32Array(59), 1, 59) };
  await expect(runKernel(device, embed, narrow, {})).rejects.toThrow(
    'embed: wpe is [1, 59], expected [Y, C] with Y = 1, C = 60',
  );
});

describe('the checks above find', () => {
  test.each<{ fault: string; changes: Changes }>([
    { fault: 'an id at the end of a range that is missed', changes: [['n >= params.N', 'n + 1u >= params.N']] },
    { fault: 'ids taken from the wrong slot', changes: [['next_tokens[-1 - id]', 'next_tokens[-id]']] },
    { fault: 'a missing position', changes: [[' + wpe[u32(positions[t]) * params.C + c]', '']] },
  ])('$fault', async ({ changes }) => {
    await expect(checkEmbed(device, { C: 60, dtype: 'f32', first: 0, N: 96 }, mutant(embed, changes))).rejects.toThrow(
      'words differ',
    );
  });
});
