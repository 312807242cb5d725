// Growth of memory over the second half of a run, by a line of least squares through its samples.

/** Memory at a time, in seconds. */
export interface Sample {
  readonly time: number;
  readonly bytes: number;
}

/** Growth over the second half of the samples, as a share of their mean; 0 for fewer than two. */
export function growthOf(samples: readonly Sample[]): number {
  const half = samples.slice(Math.floor(samples.length / 2));
  const meanOf = (of: (sample: Sample) => number) => half.reduce((sum, sample) => sum + of(sample), 0) / half.length;
  const [time, bytes] = [meanOf((sample) => sample.time), meanOf((sample) => sample.bytes)];
  const variance = meanOf((sample) => (sample.time - time) ** 2);
  if (half.length < 2 || variance === 0 || bytes === 0) return 0;
  const slope = meanOf((sample) => (sample.time - time) * (sample.bytes - bytes)) / variance;
  return (slope * (half.at(-1)!.time - half[0]!.time)) / bytes;
}
