// Quick tables of the kernels between tokens and the cache: embedding, rotation, and writes of keys and values.
import type { Device } from '../../../src/gpu/device.ts';
import { embed, embedTokens } from '../../../src/kernels/embed/embed.ts';
import { kvWrite } from '../../../src/kernels/kv-write/kv-write.ts';
import { normRopeKVWrite, ropeKVWrite } from '../../../src/kernels/rope-kv-write/rope-kv-write.ts';
import { ropeNaive } from '../../../src/kernels/rope-kv-write/rope-naive.ts';
import { WEIGHT_DTYPES } from '../../../src/kernels/weights/weight-tiles.ts';
import { checkEmbed, checkEmbedTokens, V } from '../../support/kernels/embed-case.ts';
import { checkKVWrite } from '../../support/kernels/kv-write-case.ts';
import { checkRope, checkRopeNaive } from '../../support/kernels/rope-case.ts';
import type { Replace } from '../replace.ts';
import type { Table } from './table.ts';

async function checkEmbeds(device: Device, replace: Replace): Promise<void> {
  const kernel = replace(embed);
  for (const dtype of WEIGHT_DTYPES) {
    await checkEmbed(device, { C: 131, dtype, first: 0, N: V }, kernel);
    await checkEmbed(device, { C: 7, dtype, first: 96, N: 96 }, kernel);
    // One more than steps and groups of C, and whole ones.
    for (const C of [65, 128]) await checkEmbed(device, { C, dtype, first: 96, N: 96 }, kernel);
    await checkEmbedTokens(device, { C: 131, dtype, first: 96, N: 96 }, replace(embedTokens));
  }
}

async function checkKVWrites(device: Device, replace: Replace): Promise<void> {
  const kernel = replace(kvWrite);
  for (const dtype of ['f32', 'f16'] as const) {
    await checkKVWrite(device, { G: 3, H: 6, D: 7, P: 5, numBlocks: 9, dtype }, kernel);
    await checkKVWrite(device, { G: 2, H: 2, D: 33, P: 16, numBlocks: 9, dtype }, kernel);
  }
}

async function checkRopes(device: Device, replace: Replace): Promise<void> {
  const kernels = { plain: replace(ropeKVWrite), normed: replace(normRopeKVWrite) };
  for (const dtype of ['f32', 'f16'] as const) {
    await checkRope(device, { SHARE: 2, G: 3, D: 6, P: 5, numBlocks: 9, dtype }, kernels);
    await checkRope(device, { SHARE: 3, G: 2, D: 40, P: 16, numBlocks: 9, dtype, eps: 0.1 }, kernels);
    // As wide as memory that lanes share.
    const wide = { SHARE: 1, G: 1, D: 256, P: 16, numBlocks: 2, dtype, eps: 0.1 };
    await checkRope(device, wide, kernels);
    // Several subgroups, of which one may overtake another.
    await checkRope(device, wide, kernels, { overrides: { LANES: 64 } });
  }
}

async function checkRopesNaive(device: Device, replace: Replace): Promise<void> {
  for (const D of [2, 130])
    await checkRopeNaive(device, { G: 3, D, P: 16, numBlocks: 9, dtype: 'f32' }, replace(ropeNaive));
}

/** Tables of embedding, rotation and writes to the cache. */
export const CACHE_TABLES: readonly Table[] = [
  { shaders: ['embed'], check: checkEmbeds },
  { shaders: ['kv_write'], check: checkKVWrites },
  { shaders: ['rope_kv_write'], check: checkRopes },
  { shaders: ['rope_naive'], check: checkRopesNaive },
];
