// Result of bench/run.ts as a comparison reads it: of a closed and an open loop under the same names, times in milliseconds.

import type { Figure } from '../../src/util/figures.ts';
import type { JsonObject } from '../../src/util/json.ts';
import type { Summary } from '../common/statistics.ts';

/** Names of the latencies. */
export const LATENCIES = ['ttft', 'tpot', 'itl', 'e2e'] as const;
/** Name of a latency. */
export type Latency = (typeof LATENCIES)[number];

/** File of `bench/run.ts --json`. */
export interface RunResult {
  readonly path: string;
  /** Where the numbers come from, with all values of the flags under `args`. */
  readonly meta: JsonObject;
  readonly args: JsonObject;
  readonly modes: ReadonlyMap<string, ModeResult>;
}

/** Results of a scheduler. */
export interface ModeResult {
  readonly kind: 'closed loop' | 'open loop';
  /** Every run, one in an open loop. */
  readonly rounds: readonly RoundResult[];
  /** Requests of the run that is reported. */
  readonly requests: readonly RequestResult[];
}

/** Figures of a run. */
export interface RoundResult {
  /** Rates by their keys in the file. */
  readonly rates: ReadonlyMap<string, Figure>;
  readonly latencies: Readonly<Record<Latency, Summary | null>>;
}

/** Request of a run. */
export interface RequestResult {
  readonly isComplete: boolean;
  /** Seconds from the start of the run to its arrival. */
  readonly start: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** Generated ids; null where the file has none, as of an open loop. */
  readonly ids: readonly number[] | null;
  /** Its samples of each latency. */
  readonly latencies: Readonly<Record<Latency, readonly number[]>>;
}
