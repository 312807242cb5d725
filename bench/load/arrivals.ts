import { RandomStream } from './random-stream.ts';

export interface ArrivalOptions {
  /** Requests per second; with `inf` all are there at once. */
  readonly rate: number | 'inf';
  /** Shape of the gamma distribution of the gaps: 1 is a Poisson process, less comes in bursts, more is even. */
  readonly burstiness: number;
  readonly seed: number;
}

/** When each of `count` requests arrives, ascending, in milliseconds from the start; the gaps' mean is 1 / rate. */
export function drawArrivals(count: number, { rate, burstiness, seed }: ArrivalOptions): number[] {
  if (rate === 'inf') return Array.from({ length: count }, () => 0);
  const random = new RandomStream(seed, 'arrivals');
  let time = 0;
  return Array.from({ length: count }, () => {
    time += (random.gamma(burstiness) / burstiness / rate) * 1000;
    return time;
  });
}
