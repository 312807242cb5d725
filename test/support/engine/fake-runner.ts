// A runner without a GPU whose ids are a hash of the context that it reads through the block tables: a wrong table
// gives wrong ids.
import type { BatchPlan, SamplingRow } from '../../../src/core/batch-plan.ts';
import type { ModelLimits, Runner, StepResult, TokenLogprobs } from '../../../src/core/runner.ts';

/**
 * A runner without a model, but with a KV cache: it stores token ids in the slots that the plan names and reads each
 * context back through the block table. The next id is a hash of that context, so a wrong slot, a shared block or a
 * stale token gives other ids than `fakeCompletion`. Adjusted logits count as part of the context: how often the output has
 * each token. A mask leaves the ids among which the hash decides. With a window it reads no more of the context than that, and what it stores of a token depends on all tokens before
 * it, as keys do.
 */
export class FakeRunner implements Runner {
  readonly limits: ModelLimits;
  eosIds: readonly number[] = [];
  readbackMs: number | undefined;
  /** Every plan executed so far. */
  readonly plans: BatchPlan[] = [];
  /** Rows for which it returns true come back as not finite. */
  isBroken: (row: SamplingRow) => boolean = () => false;
  /** Ids that it samples where that is not the whole vocabulary; masks, biases and the repetition penalty decide among these, too. */
  alphabet: readonly number[] | null = null;
  /** Ids that it samples one after the other, from the first, where the mask allows them. */
  script: readonly number[] = [];
  closed = false;
  readonly #slots: Int32Array;
  readonly #nextTokens: Int32Array;
  /** Of hidden states, by token slot. */
  readonly #sums: number[][] = [];

  constructor(limits: Partial<ModelLimits> = {}) {
    this.limits = {
      maxBatchSize: 4,
      maxBatchTokens: 64,
      maxModelLen: 64,
      numBlocks: 64,
      blockSize: 4,
      vocabSize: 64,
      ...limits,
    };
    this.#slots = new Int32Array(this.limits.numBlocks * this.limits.blockSize).fill(-1);
    this.#nextTokens = new Int32Array(this.limits.maxBatchSize).fill(-1);
  }

  execute(plan: BatchPlan): Promise<StepResult> {
    return Promise.resolve(this.compute(plan));
  }

  compute(plan: BatchPlan): StepResult {
    this.plans.push(plan);
    this.#checkLimits(plan);
    // By position: a token may follow one that another sequence has in this step.
    for (const token of [...plan.positions.keys()].sort((a, b) => plan.positions[a]! - plan.positions[b]!)) {
      const id = plan.tokenIds[token] ?? 0;
      this.#slots[plan.slotMapping[token]!] = this.#stored(plan, token, id < 0 ? this.#nextTokens[-1 - id]! : id);
    }
    const ids = plan.samplingRows.map((row, index) => {
      const sequence = plan.sequenceIndex[plan.logitsRows[index]!]!;
      const length = plan.contextLens[sequence]!;
      const numSeen = Math.min(length, this.limits.window ?? length);
      const context = Array.from({ length: numSeen }, (_, i) => this.#read(plan, sequence, length - numSeen + i));
      const words = [...context, ...this.#outputCounts(row)];
      const alphabet = row.mask === undefined ? this.alphabet : idsOf(row.mask);
      const scripted = nextOf(this.script, context);
      if (scripted !== undefined && (alphabet === null || alphabet.includes(scripted))) return scripted;
      return alphabet === null ? nextId(words, row.seed, this.limits.vocabSize) : this.#pick(alphabet, words, row);
    });
    plan.samplingRows.forEach((row, index) => {
      this.#nextTokens[row.tokenSlot] = ids[index]!;
    });
    const finite = plan.samplingRows.map((row) => (this.isBroken(row) ? 0 : 1));
    const logprobs = plan.samplingRows.map((row, index) => fakeLogprobs(row, ids[index]!));
    const asked = logprobs.some((each) => each !== null);
    const promptLogprobs = this.#scores(plan);
    const embeddings = this.#embeddings(plan);
    return {
      ids: Int32Array.from(ids),
      finite: Uint8Array.from(finite),
      ...(asked && { logprobs }),
      ...(promptLogprobs && { promptLogprobs }),
      ...(embeddings.length > 0 && { embeddings }),
    };
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  /** Adds the hidden states of pooled tokens to their sums; gives the means that end. */
  #embeddings(plan: BatchPlan): Float32Array[] {
    return (plan.pooled ?? []).flatMap(({ first, end, tokenSlot, isContinued, total }) => {
      let sum = (isContinued && this.#sums[tokenSlot]) || [0, 0];
      for (let token = first; token < end; token++) {
        const position = plan.positions[token]!;
        const context = Array.from({ length: position + 1 }, (_, i) => this.#read(plan, plan.sequenceIndex[token]!, i));
        sum = fakeHidden(context).map((value, c) => value + sum[c]!);
      }
      this.#sums[tokenSlot] = sum;
      return total === null ? [] : [Float32Array.from(sum, (value) => value / total)];
    });
  }

  #scores(plan: BatchPlan): TokenLogprobs[] | null {
    if (!plan.scored) return null;
    const { rows, targets, numTop } = plan.scored;
    const { window = Number.POSITIVE_INFINITY } = this.limits;
    return Array.from(rows, (token, index) => {
      const position = plan.positions[token]!;
      const numSeen = Math.min(position + 1, window);
      const first = position + 1 - numSeen;
      const context = Array.from({ length: numSeen }, (_, i) =>
        this.#read(plan, plan.sequenceIndex[token]!, first + i),
      );
      return fakeScore(context, targets[index]!, numTop[index]!);
    });
  }

  #stored(plan: BatchPlan, token: number, id: number): number {
    const { window } = this.limits;
    const position = plan.positions[token]!;
    if (window === undefined) return id;
    return keyOf(position > 0 && window > 1 ? this.#read(plan, plan.sequenceIndex[token]!, position - 1) : 0, id);
  }

  #read(plan: BatchPlan, sequence: number, position: number): number {
    const { blockSize } = this.limits;
    const block = plan.blockTables[sequence * plan.maxBlocks + Math.floor(position / blockSize)]!;
    if (block < 0) throw new Error(`a token sees position ${position}, whose block was given back`);
    return this.#slots[block * blockSize + (position % blockSize)]!;
  }

  /** The row's history as the GPU sees it: by the plan, and the newest id from its slot. */
  #outputCounts({ adjustment }: SamplingRow): number[] {
    if (adjustment === null) return [];
    const { tokens, newestTokenSlot, presencePenalty, frequencyPenalty } = adjustment;
    // A repetition penalty does not count.
    if (presencePenalty === 0 && frequencyPenalty === 0) return [];
    const output = tokens.flatMap(({ id, outputCount }) => Array<number>(outputCount).fill(id));
    return countsOf(newestTokenSlot === null ? output : [...output, this.#nextTokens[newestTokenSlot]!]);
  }

  /** Picks an id of the alphabet that is not masked. */
  #pick(alphabet: readonly number[], words: readonly number[], { seed, adjustment }: SamplingRow): number {
    const { tokens = [], newestTokenSlot = null, repetitionPenalty = 1 } = adjustment ?? {};
    const masked = new Set(tokens.filter(({ isMasked }) => isMasked).map(({ id }) => id));
    const seen = new Set(tokens.filter(({ isSeen }) => isSeen).map(({ id }) => id));
    if (newestTokenSlot !== null && repetitionPenalty !== 1) seen.add(this.#nextTokens[newestTokenSlot]!);
    const biases = tokens.filter(({ bias }) => bias !== 0).map(({ id }) => id);
    const allowed = alphabet.filter((id) => !masked.has(id));
    // Where nothing is left, any id will do, as on a GPU.
    return allowed[nextId([...words, ...[...seen, ...biases].sort((a, b) => a - b)], seed, allowed.length)] ?? 0;
  }

  #checkLimits({ numTokens, numSequences, slotMapping, samplingRows }: BatchPlan): void {
    const { maxBatchSize, maxBatchTokens } = this.limits;
    if (numTokens < 1 || numTokens > maxBatchTokens)
      throw new Error(`${numTokens} tokens in a step of ${maxBatchTokens}`);
    if (numSequences > maxBatchSize) throw new Error(`${numSequences} sequences in a step of ${maxBatchSize}`);
    if (new Set(slotMapping).size !== numTokens) throw new Error('two tokens of a step share a KV slot');
    const tokenSlots = new Set(samplingRows.map((row) => row.tokenSlot));
    if (tokenSlots.size !== samplingRows.length) throw new Error('two rows of a step share a token slot');
  }
}

/** The id of a script after the longest beginning of it that a context ends with; undefined after all of it. */
function nextOf(script: readonly number[], context: readonly number[]): number | undefined {
  let length = script.length;
  while (length > 0 && !script.slice(0, length).every((id, i) => id === context[context.length - length + i])) length--;
  return script[length];
}

/** Computes the hidden state that `FakeRunner` has after a context. */
function fakeHidden(context: readonly number[]): [number, number] {
  return [nextId(context, 1, 1000), nextId(context, 2, 1000) - 500];
}

/** Computes the embedding of a prompt that `FakeRunner` gives, without blocks, steps or batches. */
export function fakeEmbedding(promptIds: readonly number[], pooling: 'mean' | 'last' = 'mean'): Float32Array {
  const states = promptIds.map((_, position) => fakeHidden(promptIds.slice(0, position + 1)));
  const pooled = pooling === 'mean' ? states : states.slice(-1);
  return Float32Array.from([0, 1], (c) => pooled.reduce((sum, state) => sum + state[c]!, 0) / pooled.length);
}

/** A request as `fakeCompletion` takes it. */
export interface FakePrompt {
  readonly promptIds: readonly number[];
  readonly seed: number;
  readonly maxTokens: number;
  readonly eosIds?: readonly number[];
  readonly vocabSize?: number;
  /** True where the request has a presence or frequency penalty. */
  readonly countsOutput?: boolean;
  readonly window?: number | undefined;
  /** Returns the ids that may follow some ids of the output; by default all may. */
  readonly allowed?: (ids: readonly number[]) => readonly number[];
}

/** Computes the ids that `FakeRunner` generates after a prompt, without blocks, steps or batches. */
export function fakeCompletion(prompt: FakePrompt): number[] {
  const { promptIds, seed, maxTokens, eosIds = [], vocabSize = 64, countsOutput = false, window, allowed } = prompt;
  const ids: number[] = [];
  while (ids.length < maxTokens) {
    const context = seen([...promptIds, ...ids], window);
    const list = allowed?.(ids) ?? null;
    const place = nextId([...context, ...countsOf(countsOutput ? ids : [])], seed, list?.length ?? vocabSize);
    const id = list?.[place] ?? place;
    ids.push(id);
    if (eosIds.includes(id)) break;
  }
  return ids;
}

/** Computes the log-probabilities that `FakeRunner` reports of a row; null where it did not ask. */
export function fakeLogprobs({ logprobs, position }: SamplingRow, id: number): TokenLogprobs | null {
  if (logprobs === null) return null;
  const top = Array.from({ length: logprobs }, (_, rank) => ({ id: rank, logprob: -rank - 1 / position }));
  return { id, logprob: -position, top };
}

/** Computes the scores that `FakeRunner` reports of a prompt's ids from the second on. */
export function fakeScores(promptIds: readonly number[], numTop: number, window?: number): TokenLogprobs[] {
  return promptIds.slice(1).map((id, i) => fakeScore(seen(promptIds.slice(0, i + 1), window), id, numTop));
}

function fakeScore(context: readonly number[], id: number, numTop: number): TokenLogprobs {
  const top = Array.from({ length: numTop }, (_, rank) => ({ id: rank, logprob: -nextId(context, rank, 4096) }));
  return { id, logprob: -nextId(context, id, 4096) - 0.5, top };
}

/** The ids of a mask, the lowest first. */
function idsOf(mask: Uint32Array): number[] {
  return [...mask].flatMap((word, index) =>
    word === 0 ? [] : [...Array(32).keys()].filter((bit) => (word >>> bit) & 1).map((bit) => 32 * index + bit),
  );
}

/** Each id with its count, the lowest first. */
function countsOf(ids: readonly number[]): number[] {
  const counts = new Map<number, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => a - b).flat();
}

/** Stored words of a text that its last token sees. */
function seen(text: readonly number[], window: number | undefined): readonly number[] {
  if (window === undefined) return text;
  let key = 0;
  return text
    .map((id) => {
      key = keyOf(window > 1 ? key : 0, id);
      return key;
    })
    .slice(-window);
}

/** Stored word of a token after the word of the one before it. */
function keyOf(before: number, id: number): number {
  return Math.imul(before ^ (id + 1), 0x01000193);
}

/** FNV-1a over the context and the seed. */
function nextId(context: readonly number[], seed: number, vocabSize: number): number {
  const hash = [...context, seed].reduce((sum, word) => Math.imul(sum ^ word, 0x01000193) >>> 0, 0x811c9dc5);
  return (hash >>> 8) % vocabSize;
}
