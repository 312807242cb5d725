// Kernels that each strain one thing, as fast as the adapter can: reads of memory, loads from a cache, multiply-adds. They are no
// part of the library.
import { defineKernel } from '../gpu/kernel.ts';
import { read, type Sizes, write } from '../gpu/kernel-spec.ts';

/** Lanes of a workgroup to try. */
export const PROBE_LANES = [8, 64, 256];
/** Vectors that a lane loads in a round. */
export const LOADS = 4;
/** Words of a vector. */
export const VECTOR = 4;

/** Reads vectors[I, 4] once, LOADS · ROUNDS a lane; see shaders/probe_read.wgsl. */
export const probeRead = defineKernel({
  name: 'probe_read',
  bindings: {
    vectors: read.u32('I', VECTOR),
    sums: write.u32(({ I, ROUNDS }: Sizes<'I' | 'ROUNDS'>) => I / LOADS / ROUNDS),
  },
  params: { ROUNDS: 'u32' },
  constants: () => ({ STREAMS: 1 }),
  overrides: () => ({ LANES: 64 }),
  tunables: { STREAMS: [1, 4], LANES: PROBE_LANES },
  accepts: ({ I, ROUNDS }, { overrides: { LANES: lanes } }) =>
    I % (LOADS * ROUNDS * lanes) === 0
      ? null
      : `vectors is [${I}, ${VECTOR}], expected a multiple of ${LOADS * ROUNDS * lanes}`,
  workgroups: ({ I, ROUNDS }, { overrides: { LANES: lanes } }) => [I / LOADS / ROUNDS / lanes, 1, 1],
  cost: ({ I, ROUNDS }) => ({ bytes: 4 * (VECTOR * I + I / LOADS / ROUNDS), flops: 0 }),
});

/** Loads vectors[I, 4] ROUNDS times in each workgroup, for SUMS lanes in all; see shaders/probe_load.wgsl. */
export const probeLoad = defineKernel({
  name: 'probe_load',
  bindings: { vectors: read.u32('I', VECTOR), sums: write.u32('SUMS') },
  params: { I: 'u32', ROUNDS: 'u32' },
  overrides: () => ({ LANES: 64 }),
  tunables: { LANES: PROBE_LANES },
  accepts: ({ I, SUMS }, { overrides: { LANES: lanes } }) => {
    if (SUMS % lanes !== 0) return `sums is [${SUMS}], expected a multiple of ${lanes}`;
    return I % (LOADS * lanes) === 0 ? null : `vectors is [${I}, ${VECTOR}], expected a multiple of ${LOADS * lanes}`;
  },
  workgroups: ({ SUMS }, { overrides: { LANES: lanes } }) => [SUMS / lanes, 1, 1],
  cost: ({ I, SUMS, ROUNDS }, { overrides: { LANES: lanes } }) => {
    return { bytes: 4 * (VECTOR * I + SUMS), loads: (VECTOR * I * ROUNDS * SUMS) / lanes, flops: 0 };
  },
});

/** Multiply-adds of a lane in a round: four steps of two chains of vectors. */
const FMAS_PER_ROUND = 32;

/** Multiplies and adds 4 · ROUNDS times and leaves the sums in out[I]; see shaders/probe_fma.wgsl. */
export const probeFma = defineKernel({
  name: 'probe_fma',
  bindings: { out: write('I') },
  params: { ROUNDS: 'u32', factor: 'f32', term: 'f32' },
  overrides: () => ({ LANES: 64 }),
  tunables: { LANES: PROBE_LANES },
  accepts: ({ I }, { overrides: { LANES: lanes } }) =>
    I % lanes === 0 ? null : `out is [${I}], expected a multiple of ${lanes}`,
  workgroups: ({ I }, { overrides: { LANES: lanes } }) => [I / lanes, 1, 1],
  cost: ({ I, ROUNDS }) => ({ bytes: 4 * I, flops: 2 * FMAS_PER_ROUND * ROUNDS * I }),
});
