import { PollGovernor } from '../../src/gpu/poll-governor.ts';

/**
 * What `work` gives, while polls for its readbacks come a millisecond apart: what the GPU's clock times may be noticed late,
 * and polls without a pause would take a core from a software adapter.
 */
export async function pollSlowly<T>(work: () => Promise<T>): Promise<T> {
  return await new PollGovernor(0).during(work);
}
