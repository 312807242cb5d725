// Packing of adjusted logits: the one place that knows the words of shaders/adjust_logits.wgsl's `rows` and `entries`.
import type { LogitsAdjustment, TokenAdjustment } from '../../core/logits-adjustment.ts';
import { f32Bits } from '../../util/math.ts';
import { ADJUST_MASKED, ADJUST_SEEN, NO_NEWEST_SLOT } from './adjust-logits.ts';

/** Packs a row of `rows`, whose entries are [firstEntry, endEntry): ADJUST_ROW_WORDS words. null adjusts nothing. */
export function adjustRowWords(adjustment: LogitsAdjustment | null, firstEntry: number, endEntry: number): number[] {
  const { repetitionPenalty = 1, presencePenalty = 0, frequencyPenalty = 0, newestTokenSlot } = adjustment ?? {};
  const penalties = [repetitionPenalty, presencePenalty, frequencyPenalty].map(f32Bits);
  return [firstEntry, endEntry, ...penalties, newestTokenSlot ?? NO_NEWEST_SLOT];
}

/** Packs an entry of `entries`: ADJUST_ENTRY_WORDS words. */
export function adjustEntryWords({ id, outputCount, bias, isSeen, isMasked }: TokenAdjustment): number[] {
  return [id, outputCount, f32Bits(bias), (isSeen ? ADJUST_SEEN : 0) | (isMasked ? ADJUST_MASKED : 0)];
}
