// The part of a vocabulary that the doctor checks: the last range, whose end is no whole tile in most models.
import { type TokenRange, vocabularyRanges } from '../kernels/weights/vocabulary-ranges.ts';
import type { Subject } from './subject.ts';

/** Returns the last of the ranges in which the model binds its vocabulary. */
export function lastRange({ device, config, dtype }: Subject): TokenRange {
  const { maxStorageBufferBindingSize } = device.gpu.limits;
  const ranges = vocabularyRanges(config.vocabSize, config.hiddenSize, dtype, maxStorageBufferBindingSize);
  return ranges.at(-1)!;
}
