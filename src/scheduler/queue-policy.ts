import type { Sequence } from '../core/sequence.ts';

/** Who is served first. */
export interface QueuePolicy {
  /**
   * Place of a sequence in the queue, fixed when it arrives; the least comes first, the order of arrival decides among
   * equals. It must rise with the arrival, so that nobody is overtaken for ever.
   */
  rank(sequence: Pick<Sequence, 'arrival' | 'priority' | 'promptIds'>): number;
}
