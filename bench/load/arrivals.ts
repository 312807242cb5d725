// Arrival times of an open loop: gaps from a gamma distribution, as in vLLM's benchmark.
import { RandomStream } from './random-stream.ts';

/** Process of the arrivals. */
export interface ArrivalOptions {
  /** Requests per second; with `inf` all arrive at once. */
  readonly rate: number | 'inf';
  /** Shape of the gamma distribution of the gaps: 1 is a Poisson process, less is burstier, more is more even. */
  readonly burstiness: number;
  readonly seed: number;
}

/** Draws arrival times of `count` requests, ascending, in milliseconds from the start; the gaps' mean is 1 / rate. */
export function drawArrivals(count: number, { rate, burstiness, seed }: ArrivalOptions): number[] {
  if (rate === 'inf') return Array.from({ length: count }, () => 0);
  const random = new RandomStream(seed, 'arrivals');
  let time = 0;
  return Array.from({ length: count }, () => {
    time += (random.gamma(burstiness) / burstiness / rate) * 1000;
    return time;
  });
}
