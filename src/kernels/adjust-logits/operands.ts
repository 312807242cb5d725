// Operands of `adjust_logits` on the host, and rows with every penalty on and off, ids in several lists, a newest id that is
// new or not. Between the rows' entries lie entries of no row.
import type { LogitPenalties } from '../../reference/sampling.ts';
import { normals } from '../../util/random-values.ts';
import { uniform } from '../../util/rng.ts';
import { hostTensor, type KernelOperands, unwritten } from '../kernel-case.ts';
import { ADJUST_ENTRY_WORDS, ADJUST_ROW_WORDS, type adjustLogits } from './adjust-logits.ts';
import { adjustEntryWords, adjustRowWords } from './adjust-row.ts';

/** Row of logits [V], and what changes them. */
export interface AdjustedRow extends LogitPenalties {
  readonly logits: Float32Array;
  /** The last of `outputIds` is in next_tokens only. */
  readonly isNewestPending?: boolean;
}

/** Entry of no row: a row that takes it shows. */
const STRAY_ENTRY = { id: 0, outputCount: 1000, bias: 32, isSeen: true, isMasked: false };

/** Makes R rows of V or a few less: only rows with penalties look at the newest id. */
export function adjustedRows(V: number, R = 24): AdjustedRow[] {
  return Array.from({ length: R }, (_, r) => adjustedRow(V, r)).filter(
    (row) => hasPenalty(row) || !row.isNewestPending,
  );
}

function adjustedRow(V: number, r: number): AdjustedRow {
  const id = (row: number, i: number) => Math.floor(uniform(row, i, 0) * V);
  const numPromptIds = (r * 5) % 17;
  const outputIds = Array.from({ length: 1 + ((r * 7) % 90) }, (_, i) => id(r, i));
  if (r % 3 === 0) outputIds.push(...outputIds.slice(0, 2));
  const biased = [r % 3 === 1 ? outputIds.at(-1)! : id(r, 501), id(r, 500), outputIds[0]!];
  return {
    logits: normals(r, V, 3),
    promptIds: Array.from({ length: numPromptIds }, (_, i) => id(r + 100, i)),
    outputIds,
    isNewestPending: r % 2 === 0,
    ...(r % 4 > 0 && { repetitionPenalty: Math.fround(0.5 + r / 12) }),
    ...(r % 5 > 0 && { presencePenalty: Math.fround(((r % 9) - 4) / 3) }),
    ...(r % 6 > 1 && { frequencyPenalty: Math.fround(((r % 7) - 3) / 4) }),
    ...(r % 3 > 0 && { logitBias: Object.fromEntries(biased.map((each, i) => [each, (i - 1) * 7.5])) }),
    ...(r % 8 > 4 && { maskedIds: [id(r, 502), outputIds[0]!] }),
  };
}

function hasPenalty({ repetitionPenalty = 1, presencePenalty = 0, frequencyPenalty = 0 }: AdjustedRow): boolean {
  return repetitionPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0;
}

/** Operands of one dispatch over rows of one length; slots of next_tokens run backwards. */
export function adjustOperands(rows: readonly AdjustedRow[]): KernelOperands<typeof adjustLogits.spec> {
  const [R, V] = [rows.length, rows[0]!.logits.length];
  const logits = new Float32Array(R * V);
  const nextTokens = new Int32Array(R + 1).fill(-1);
  const entries = [adjustEntryWords(STRAY_ENTRY)];
  const rowWords = rows.flatMap((row, r) => {
    logits.set(row.logits, r * V);
    const first = entries.length;
    entries.push(...entriesOf(row).map(adjustEntryWords));
    const end = entries.length;
    entries.push(adjustEntryWords(STRAY_ENTRY));
    const slot = R - r;
    if (row.isNewestPending) nextTokens[slot] = row.outputIds?.at(-1) ?? -1;
    const { repetitionPenalty = 1, presencePenalty = 0, frequencyPenalty = 0 } = row;
    const newestTokenSlot = row.isNewestPending ? slot : null;
    const adjustment = { repetitionPenalty, presencePenalty, frequencyPenalty, tokens: [], newestTokenSlot };
    return adjustRowWords(adjustment, first, end);
  });
  return {
    tensors: {
      logits: hostTensor(logits, R, V),
      rows: hostTensor(Uint32Array.from(rowWords), R, ADJUST_ROW_WORDS),
      entries: hostTensor(Uint32Array.from(entries.flat()), entries.length, ADJUST_ENTRY_WORDS),
      next_tokens: hostTensor(nextTokens, R + 1),
      out: unwritten(R, V),
    },
    scalars: {},
    outputs: ['out'],
  };
}

/** Entries of a row, in another order than the ids', on which nothing may depend. */
function entriesOf(row: AdjustedRow) {
  const { promptIds = [], outputIds = [], logitBias = {}, maskedIds = [], repetitionPenalty = 1 } = row;
  const { presencePenalty = 0, frequencyPenalty = 0 } = row;
  const known = row.isNewestPending ? outputIds.slice(0, -1) : outputIds;
  const seen = new Set(repetitionPenalty === 1 ? [] : [...promptIds, ...known]);
  const counted = presencePenalty === 0 && frequencyPenalty === 0 ? [] : known;
  const biased = Object.keys(logitBias).map(Number);
  const ids = new Set([...seen, ...counted, ...biased, ...maskedIds]);
  return [...ids]
    .sort((a, b) => ((a * 7) % 64) - ((b * 7) % 64))
    .map((id) => ({
      id,
      outputCount: counted.filter((other) => other === id).length,
      bias: logitBias[id] ?? 0,
      isSeen: seen.has(id),
      isMasked: maskedIds.includes(id),
    }));
}
