import type { QueuePolicy } from './queue-policy.ts';

/** First come, first served. */
export const fcfs: QueuePolicy = { rank: () => 0 };
