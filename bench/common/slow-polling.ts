// Slow polls around a measurement by the GPU's clock: its results may be noticed late, and polls without a pause would
// take a core from a software adapter.
import { PollGovernor } from '../../src/gpu/poll-governor.ts';

/** Runs `work` while polls for its readbacks come a millisecond apart. */
export async function pollSlowly<T>(work: () => Promise<T>): Promise<T> {
  return await new PollGovernor(0).during(work);
}
