// The scheduler: decode rows first, then waiting sequences as the admission policy lets them in. Policies differ in one method.
import { maxUnreadIds } from '../core/logits-adjustment.ts';
import type { ModelLimits, StepResult } from '../core/runner.ts';
import type { SchedulerOutput, SchedulerRow } from '../core/scheduler-output.ts';
import type { FinishReason, PrefixHit, Sequence } from '../core/sequence.ts';
import { KVCacheManager } from '../kv/kv-cache-manager.ts';
import { checkValue, count } from '../util/option-checks.ts';
import type { AdmissionState } from './admission/admission-policy.ts';
import { checkBooks } from './check-books.ts';
import { chooseVictim } from './choose-victim.ts';
import { positionsToPool, takeEmbeddings } from './embeddings.ts';
import { isEos, reasonToStop } from './ends.ts';
import { GuardedPolicies, type SchedulingPolicies } from './guarded-policies.ts';
import { positionsToScore, takeScores } from './prompt-scores.ts';
import { insertByRank, WaitingQueue } from './queue/waiting-queue.ts';
import { checkFits } from './request-too-large-error.ts';
import type { RowsWithResults, Scheduler, SchedulerStats, SequenceUpdate } from './scheduler.ts';

/** An update that changes nothing. */
const NO_UPDATE = { id: null, brokenAt: null, logprobs: null, embedding: null };

/** A sequence with a place in the batch. */
interface RunningSequence {
  readonly sequence: Sequence;
  readonly tokenSlot: number;
}

/**
 * The machinery that every policy shares.
 *
 * Waiting and running sequences are kept in the order of their ranks. When blocks are short, only a sequence ranked
 * after the one that needs them loses its own, so the first one always moves on: it can have every block, and alone it
 * fits. Steps run in the order of their submission, so blocks and token slots freed here may go to the next step while
 * one is in flight.
 */
export class BatchScheduler implements Scheduler {
  readonly #policies: GuardedPolicies;
  readonly #limits: ModelLimits;
  readonly #kv: KVCacheManager;
  readonly #waiting = new WaitingQueue();
  readonly #running: RunningSequence[] = [];
  readonly #freeTokenSlots: number[];
  readonly #counts = { promptTokens: 0, generatedTokens: 0, prefixQueries: 0, prefixHits: 0, preemptions: 0 };
  #numAdded = 0;

  /** @throws RangeValueError for a limit, or a policy's `maxRunning`, that is no integer ≥ 1. */
  constructor(policies: SchedulingPolicies, limits: ModelLimits) {
    const { maxBatchSize, maxBatchTokens, maxModelLen } = limits;
    for (const [name, value] of Object.entries({ maxBatchSize, maxBatchTokens, maxModelLen })) {
      checkValue(name, value, count);
    }
    this.#policies = new GuardedPolicies(policies);
    this.#limits = limits;
    this.#kv = new KVCacheManager(limits);
    this.#freeTokenSlots = Array.from({ length: maxBatchSize }, (_, index) => maxBatchSize - 1 - index);
  }

  get numWaiting(): number {
    return this.#waiting.length;
  }

  get numWaitingTokens(): number {
    return this.#waiting.numTokens;
  }

  get numRunning(): number {
    return this.#running.length;
  }

  get maxRunning(): number {
    return Math.min(this.#limits.maxBatchSize, this.#policies.maxRunning);
  }

  get upcoming(): readonly Sequence[] {
    return Iterator.from(this.#waiting)
      .take(Math.max(this.maxRunning - this.numRunning, 0))
      .toArray();
  }

  get numPreemptions(): number {
    return this.#counts.preemptions;
  }

  get stats(): SchedulerStats {
    const { numWaiting, numRunning } = this;
    const { numBlocks, numFreeBlocks } = this.#kv;
    return { numWaiting, numRunning, numUsedBlocks: numBlocks - numFreeBlocks, numBlocks, ...this.#counts };
  }

  hasUnfinished(): boolean {
    return this.numWaiting + this.numRunning > 0;
  }

  addRequest(sequence: Sequence): void {
    checkFits(sequence, this.#limits, this.#kv);
    sequence.rank = this.#policies.rank(sequence);
    sequence.order = this.#numAdded++;
    this.#waiting.add(sequence);
  }

  schedule(targetTokens = Number.POSITIVE_INFINITY): SchedulerOutput {
    const step: StepDraft = { rows: [], admitted: [], preempted: [], budget: this.#limits.maxBatchTokens };
    const isDecode = ({ sequence }: RunningSequence) => sequence.numUncomputedTokens === 1;

    for (const { sequence } of this.#running) this.#kv.slide(sequence);
    // A sequence that slides starts with the blocks of its first chunks and needs others for each that follows: of those that it gave
    // back, unless others have them, too. It must have them before a row of this step is another's.
    for (const { sequence } of this.#running.filter((running) => !isDecode(running))) {
      if (sequence.status === 'running') this.#allocateOrPreempt(step, sequence, this.#longestChunk(sequence));
    }
    // One token each, and before any chunk: a long prompt does not stop those that decode.
    for (const running of this.#running.filter(isDecode)) {
      if (step.budget === 0) break;
      // An earlier one may have taken its blocks.
      if (running.sequence.status !== 'running' || running.sequence.isFullLength) continue;
      if (running.sequence.numPendingIds > maxUnreadIds(running.sequence.params) || running.sequence.isHeld) continue;
      if (this.#allocateOrPreempt(step, running.sequence, 1)) this.#addRow(step, running, 1);
    }
    // The rest of the target after the decoding rows, but at least one token.
    const target = Math.max(targetTokens - step.rows.length, 1);
    step.budget = Math.min(step.budget, target);
    for (const running of this.#running) {
      const { sequence } = running;
      if (sequence.isFullLength || isDecode(running)) continue;
      const numTokens = Math.min(sequence.numRunnableTokens, step.budget);
      if (numTokens > 0) this.#addRow(step, running, numTokens);
    }
    // When blocks are short, a sequence that started now would be preempted next.
    if (step.preempted.length === 0) this.#admit(step);
    return step;
  }

  update(
    sampled: readonly SchedulerRow[],
    { ids, finite, logprobs, promptLogprobs = [], embeddings = [] }: StepResult,
    { scored = [], embedded = [] }: RowsWithResults = {},
  ): readonly SequenceUpdate[] {
    const updates = takeScores(scored, promptLogprobs).map(({ sequence, at }) => this.#break(sequence, at));
    for (const [index, { sequence, epoch }] of sampled.entries()) {
      if (epoch !== sequence.epoch) continue;
      if (finite[index] === 0) {
        updates.push(this.#break(sequence, sequence.promptIds.length + sequence.ids.length));
        continue;
      }
      sequence.numPendingIds--;
      if (sequence.params.maxTokens === 0) {
        this.#finish(sequence, 'length');
        updates.push({ ...NO_UPDATE, sequence, finishReason: 'length' });
        continue;
      }
      const id = ids[index]!;
      if (sequence.constraint?.allows(id) === false) {
        updates.push(this.#break(sequence, null));
        continue;
      }
      sequence.ids.push(id);
      this.#counts.generatedTokens++;
      this.#kv.cacheBlocks(sequence);
      const finishReason = reasonToStop(sequence, id);
      if (finishReason !== null) this.#finish(sequence, finishReason);
      if (finishReason === 'stop' && !isEos(sequence, id)) sequence.stopTokenId = id;
      updates.push({ ...NO_UPDATE, sequence, id, logprobs: logprobs?.[index] ?? null, finishReason });
    }
    for (const { sequence, embedding } of takeEmbeddings(embedded, embeddings)) {
      if (embedding === null) updates.push(this.#break(sequence, sequence.promptIds.length));
      else {
        this.#finish(sequence, 'stop');
        updates.push({ ...NO_UPDATE, sequence, embedding, finishReason: 'stop' });
      }
    }
    return updates;
  }

  /**
   * Ends a sequence whose logits for a position, or hidden states before it, are not finite: it may have left keys that are not finite. With
   * null it is one whose sampled id its constraint does not allow.
   */
  #break(sequence: Sequence, brokenAt: number | null): SequenceUpdate {
    if (brokenAt !== null) this.#kv.evict(sequence);
    this.#finish(sequence, 'error');
    return { ...NO_UPDATE, sequence, brokenAt, finishReason: 'error' };
  }

  fail(rows: readonly SchedulerRow[]): readonly Sequence[] {
    // Steps in flight may have computed blocks from those that the failed step left unwritten, and registered them.
    this.#kv.evictAll();
    // Sequences restarted by the previous failure count, too: otherwise two failures could excuse each other for ever.
    const failed = rows.map(({ sequence }) => sequence).filter(({ status }) => status !== 'finished');
    for (const sequence of failed) this.#finish(sequence, 'error');
    for (const { sequence } of this.#running.filter(({ sequence }) => sequence.prefixGroup !== null)) {
      this.#dropPending(sequence);
      this.#preempt(sequence);
    }
    // So do the results in flight of those that were preempted since.
    for (const sequence of this.#waiting) {
      const isPending = sequence.numPendingIds + sequence.numPendingScores > 0;
      if (isPending && sequence.prefixGroup !== null) this.#dropPending(sequence);
    }
    return failed;
  }

  abort(sequence: Sequence, reason: 'abort' | 'error' | 'stop' = 'abort'): void {
    if (sequence.status !== 'finished') this.#finish(sequence, reason);
  }

  checkIntegrity(): void {
    const { maxBatchSize } = this.#limits;
    checkBooks({ kv: this.#kv, running: this.#running, freeTokenSlots: this.#freeTokenSlots, maxBatchSize });
  }

  /** Starts sequences from the head of the queue while there is room for all of their tokens. */
  #admit(step: StepDraft): void {
    for (let head = this.#waiting.head; head !== undefined; head = this.#waiting.head) {
      const tokenSlot = this.#freeTokenSlots.at(-1);
      if (tokenSlot === undefined || step.budget === 0 || !this.#startHead(head)) break;
      this.#waiting.remove(head);
      this.#freeTokenSlots.pop();
      const running = { sequence: head, tokenSlot };
      insertByRank(this.#running, running, ({ sequence }) => sequence);
      head.status = 'running';
      step.admitted.push(head);
      const numTokens = Math.min(head.numRunnableTokens, step.budget);
      if (numTokens > 0) this.#addRow(step, running, numTokens);
    }
  }

  /**
   * Starts the head of the queue if it can: with the blocks of all its tokens, in however many chunks they come.
   * A block is left for each running sequence that will need another, or the newcomer would soon cost one of them its own.
   */
  #startHead(head: Sequence): boolean {
    // An id in flight would be missing from the recomputed prompt. Code of a caller's may have brought it to the head of the queue.
    if (head.numPendingIds > 0 || head.constraint?.hasStarted === false) return false;
    const isAdmitted = this.#policies.admits(this.#admissionState(), head);
    // With nothing running there would be no further step, and so no end: the policy may delay a request, never lose
    // one.
    if (!isAdmitted && this.numRunning > 0) return false;
    const numReserved = this.#running.filter(({ sequence }) => this.#willGrow(sequence)).length;
    const hit = this.#kv.start(head, numReserved);
    if (hit === null) return false;
    head.numComputedTokens = hit.numTokens;
    if (head.prefixHit === null) this.#countStart(head, hit);
    head.prefixHit ??= hit;
    return true;
  }

  #countStart({ promptIds: { length } }: Sequence, { numTokens, miss }: PrefixHit): void {
    this.#counts.promptTokens += length;
    if (miss === 'off') return;
    this.#counts.prefixQueries += length;
    this.#counts.prefixHits += Math.min(numTokens, length);
  }

  #admissionState(): AdmissionState {
    const { numFreeBlocks } = this.#kv;
    return {
      waiting: { [Symbol.iterator]: () => this.#waiting[Symbol.iterator]() },
      numRunning: this.numRunning,
      maxBatchSize: this.#limits.maxBatchSize,
      numFreeBlocks,
      numBlocksFor: (numTokens) => this.#kv.numBlocksFor(numTokens),
    };
  }

  /** Tells whether a sequence may need more blocks than it has. The last id is never computed. */
  #willGrow(sequence: Sequence): boolean {
    const maxComputed = sequence.promptIds.length + sequence.params.maxTokens - 1;
    return maxComputed > this.#kv.blockTable(sequence).length * this.#kv.blockSize;
  }

  /** Tokens of the longest chunk that a sequence may have in a step. */
  #longestChunk({ numUncomputedTokens }: Sequence): number {
    return Math.min(numUncomputedTokens, this.#limits.maxBatchTokens);
  }

  /** Takes blocks for more tokens from sequences ranked after it until there are enough. False when its own were taken. */
  #allocateOrPreempt(step: StepDraft, sequence: Sequence, numTokens: number): boolean {
    while (!this.#kv.allocateSlots(sequence, numTokens)) {
      const sequences = this.#running.map((running) => running.sequence);
      const loser = chooseVictim(sequences.slice(1 + sequences.indexOf(sequence)), this.#kv) ?? sequence;
      this.#preempt(loser);
      step.preempted.push(loser);
      if (loser === sequence) return false;
    }
    return true;
  }

  #preempt(sequence: Sequence): void {
    this.#release(sequence);
    sequence.status = 'preempted';
    sequence.numComputedTokens = 0;
    sequence.numPreemptions++;
    this.#waiting.add(sequence);
    this.#counts.preemptions++;
  }

  #addRow(step: StepDraft, { sequence, tokenSlot }: RunningSequence, numTokens: number): void {
    const isLast = numTokens === sequence.numUncomputedTokens;
    const samples = isLast && sequence.pooling === null;
    const start = sequence.numComputedTokens;
    const blockTable = this.#kv.blockTable(sequence);
    const end = start + numTokens;
    const scored = positionsToScore(sequence, end);
    if (scored !== null) sequence.numPendingScores += scored.end - scored.start;
    const pooled = positionsToPool(sequence, start, end);
    const { epoch } = sequence;
    step.rows.push({ sequence, start, numTokens, samples, epoch, tokenSlot, blockTable, scored, pooled });
    step.budget -= numTokens;
    sequence.numRecomputedTokens += Math.max(0, Math.min(end, sequence.numEverComputedTokens) - start);
    sequence.numEverComputedTokens = Math.max(sequence.numEverComputedTokens, end);
    sequence.numComputedTokens = end;
    if (isLast) sequence.numPendingIds++;
    this.#kv.cacheBlocks(sequence);
  }

  #finish(sequence: Sequence, reason: FinishReason): void {
    if (!this.#release(sequence)) this.#waiting.remove(sequence);
    sequence.status = 'finished';
    sequence.finishReason = reason;
    this.#dropPending(sequence);
  }

  /** Makes results in flight lose their meaning. */
  #dropPending(sequence: Sequence): void {
    sequence.numPendingIds = 0;
    sequence.numPendingScores = 0;
    sequence.epoch++;
  }

  /** Takes a sequence off the running ones with its blocks and token slot. False when it does not run. */
  #release(sequence: Sequence): boolean {
    const index = this.#running.findIndex((running) => running.sequence === sequence);
    const [running] = index < 0 ? [] : this.#running.splice(index, 1);
    if (running === undefined) return false;
    this.#freeTokenSlots.push(running.tokenSlot);
    this.#kv.free(sequence);
    return true;
  }
}

/** A step as it comes together. */
interface StepDraft extends SchedulerOutput {
  readonly rows: SchedulerRow[];
  readonly admitted: Sequence[];
  readonly preempted: Sequence[];
  /** Tokens that still fit. */
  budget: number;
}
