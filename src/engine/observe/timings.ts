/** When the tokens of a request reached the host, in milliseconds of the engine's clock; null where there is no sample. */
export interface RequestTimings {
  readonly arrival: number;
  /** When its first step was submitted: it waited in the queue until then. */
  readonly started: number | null;
  readonly firstToken: number | null;
  readonly lastToken: number | null;
  /** One stamp per id that was generated here. */
  readonly tokenTimes: readonly number[];
  /** Time to first token: first token − arrival. */
  readonly ttft: number | null;
  /** Time per output token after the first: (last − first) / (n − 1). */
  readonly tpot: number | null;
  /** End of the request − arrival. */
  readonly e2e: number;
}

/** The timings of a request that ended at `end`; null for `started` is one that was in no step. */
export function requestTimings(
  arrival: number,
  tokenTimes: readonly number[],
  end: number,
  started: number | null = null,
): RequestTimings {
  const firstToken = tokenTimes[0] ?? null;
  const lastToken = tokenTimes.at(-1) ?? null;
  const ttft = firstToken === null ? null : firstToken - arrival;
  const numGaps = tokenTimes.length - 1;
  const tpot = firstToken === null || lastToken === null || numGaps < 1 ? null : (lastToken - firstToken) / numGaps;
  return { arrival, started, firstToken, lastToken, tokenTimes, ttft, tpot, e2e: end - arrival };
}
