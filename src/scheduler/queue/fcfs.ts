// The order of arrival, the default: ranks are equal, and the order of arrival decides among equals.
import type { QueuePolicy } from './queue-policy.ts';

/** First come, first served. */
export const fcfs: QueuePolicy = { rank: () => 0 };
