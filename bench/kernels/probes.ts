// Kernels that do one thing as fast as an adapter can. They are no part of the library.
import { defineKernel } from '../../src/gpu/kernel.ts';
import { read, write } from '../../src/gpu/kernel-spec.ts';

/** Workgroup sizes to try. */
const LANES = [8, 64, 256];

/** Words that a lane of probe_read adds up in a round: four vectors of four. */
export const WORDS_PER_ROUND = 16;

/** Reads vectors[N, 4] once, 4 · ROUNDS a lane; see shaders/probe_read.wgsl. */
export const probeRead = defineKernel({
  name: 'probe_read',
  bindings: {
    vectors: read.u32('N', 4),
    sums: write.u32(({ N = 0, ROUNDS = 1 }) => (4 * N) / WORDS_PER_ROUND / ROUNDS),
  },
  params: { ROUNDS: 'u32' },
  overrides: () => ({ LANES: 64 }),
  tunables: { LANES },
  check: ({ N = 0, ROUNDS = 1 }, { overrides: { LANES: lanes = 1 } }) =>
    N % (4 * ROUNDS * lanes) === 0 ? null : `vectors is [${N}, 4], expected a multiple of ${4 * ROUNDS * lanes}`,
  workgroups: ({ N = 0, ROUNDS = 1 }, { overrides: { LANES: lanes = 1 } }) => [N / 4 / ROUNDS / lanes, 1, 1],
  cost: ({ N = 0, ROUNDS = 1 }) => ({ bytes: 16 * N + N / ROUNDS, flops: 0 }),
});

/** Multiply-adds of a lane in a round: four steps of two chains of vectors. */
const FMAS_PER_ROUND = 32;

/** Multiplies and adds 4 · ROUNDS times and leaves the sums in out[N]; see shaders/probe_fma.wgsl. */
export const probeFma = defineKernel({
  name: 'probe_fma',
  bindings: { out: write('N') },
  params: { ROUNDS: 'u32', factor: 'f32', term: 'f32' },
  overrides: () => ({ LANES: 64 }),
  tunables: { LANES },
  check: ({ N = 0 }, { overrides: { LANES: lanes = 1 } }) =>
    N % lanes === 0 ? null : `out is [${N}], expected a multiple of ${lanes}`,
  workgroups: ({ N = 0 }, { overrides: { LANES: lanes = 1 } }) => [N / lanes, 1, 1],
  cost: ({ N = 0, ROUNDS = 0 }) => ({ bytes: 4 * N, flops: 2 * FMAS_PER_ROUND * ROUNDS * N }),
});
