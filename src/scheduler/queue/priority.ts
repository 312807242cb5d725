// Priorities that age: a strict order would let a stream of urgent requests starve the others.
import type { QueuePolicy } from './queue-policy.ts';

/** Milliseconds of waiting that make up for one step of priority. */
export const PRIORITY_AGEING_MS = 1000;

/**
 * The most urgent first, and waiting counts: a request of priority p is overtaken by one of priority q < p only while
 * that arrives less than (p − q) · `PRIORITY_AGEING_MS` after it.
 */
export const priority: QueuePolicy = {
  rank: ({ arrival, priority }) => arrival + priority * PRIORITY_AGEING_MS,
};
