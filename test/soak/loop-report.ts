// What a server under test tells of itself since it was asked last.

/** Times in milliseconds: median, 99th percentile and most. */
export interface LoopReport {
  /** Lateness of a timer: what a caller would have waited. */
  readonly lateMs: readonly number[];
  /** The part of it in which the thread ran or was blocked: what the server has to answer for. Where the system tells no more, all of it. */
  readonly heldMs: readonly number[];
  /** Mean of what the thread did in a turn of its event loop. */
  readonly busyMsPerTurn: number;
  readonly residentBytes: number;
  /** JavaScript's heap after a collection. */
  readonly liveBytes: number;
}
