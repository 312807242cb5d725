// Kernels that each strain one thing, as fast as the adapter can: reads of memory, loads from a cache, multiply-adds. They are no
// part of the library.
import { defineKernel } from '../../src/gpu/kernel.ts';
import { read, type Sizes, write } from '../../src/gpu/kernel-spec.ts';

/** Lanes of a workgroup to try. */
export const PROBE_LANES = [8, 64, 256];
/** Vectors that a lane loads in a round. */
export const LOADS = 4;
/** Words of a vector. */
export const VECTOR = 4;

/** Reads vectors[N, 4] once, LOADS · ROUNDS a lane; see shaders/probe_read.wgsl. */
export const probeRead = defineKernel({
  name: 'probe_read',
  bindings: {
    vectors: read.u32('N', VECTOR),
    sums: write.u32(({ N, ROUNDS }: Sizes<'N' | 'ROUNDS'>) => N / LOADS / ROUNDS),
  },
  params: { ROUNDS: 'u32' },
  constants: () => ({ STREAMS: 1 }),
  overrides: () => ({ LANES: 64 }),
  tunables: { STREAMS: [1, 4], LANES: PROBE_LANES },
  accepts: ({ N, ROUNDS }, { overrides: { LANES: lanes } }) =>
    N % (LOADS * ROUNDS * lanes) === 0
      ? null
      : `vectors is [${N}, ${VECTOR}], expected a multiple of ${LOADS * ROUNDS * lanes}`,
  workgroups: ({ N, ROUNDS }, { overrides: { LANES: lanes } }) => [N / LOADS / ROUNDS / lanes, 1, 1],
  cost: ({ N, ROUNDS }) => ({ bytes: 4 * (VECTOR * N + N / LOADS / ROUNDS), flops: 0 }),
});

/** Loads vectors[N, 4] ROUNDS times in each workgroup, for S lanes in all; see shaders/probe_load.wgsl. */
export const probeLoad = defineKernel({
  name: 'probe_load',
  bindings: { vectors: read.u32('N', VECTOR), sums: write.u32('S') },
  params: { N: 'u32', ROUNDS: 'u32' },
  overrides: () => ({ LANES: 64 }),
  tunables: { LANES: PROBE_LANES },
  accepts: ({ N, S }, { overrides: { LANES: lanes } }) => {
    if (S % lanes !== 0) return `sums is [${S}], expected a multiple of ${lanes}`;
    return N % (LOADS * lanes) === 0 ? null : `vectors is [${N}, ${VECTOR}], expected a multiple of ${LOADS * lanes}`;
  },
  workgroups: ({ S }, { overrides: { LANES: lanes } }) => [S / lanes, 1, 1],
  cost: ({ N, S, ROUNDS }, { overrides: { LANES: lanes } }) => {
    return { bytes: 4 * (VECTOR * N + S), loads: (VECTOR * N * ROUNDS * S) / lanes, flops: 0 };
  },
});

/** Multiply-adds of a lane in a round: four steps of two chains of vectors. */
const FMAS_PER_ROUND = 32;

/** Multiplies and adds 4 · ROUNDS times and leaves the sums in out[N]; see shaders/probe_fma.wgsl. */
export const probeFma = defineKernel({
  name: 'probe_fma',
  bindings: { out: write('N') },
  params: { ROUNDS: 'u32', factor: 'f32', term: 'f32' },
  overrides: () => ({ LANES: 64 }),
  tunables: { LANES: PROBE_LANES },
  accepts: ({ N }, { overrides: { LANES: lanes } }) =>
    N % lanes === 0 ? null : `out is [${N}], expected a multiple of ${lanes}`,
  workgroups: ({ N }, { overrides: { LANES: lanes } }) => [N / lanes, 1, 1],
  cost: ({ N, ROUNDS }) => ({ bytes: 4 * N, flops: 2 * FMAS_PER_ROUND * ROUNDS * N }),
});
