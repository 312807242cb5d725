import type { RunnerLimits, StepResult } from '../core/runner.ts';
import type { SchedulerOutput, SchedulerRow } from '../core/scheduler-output.ts';
import type { FinishReason, Sequence } from '../core/sequence.ts';
import { KVCacheManager } from '../kv/kv-cache-manager.ts';
import { RangeValueError, RoseinferError } from '../util/errors.ts';
import type { AdmissionPolicy } from './admission-policy.ts';
import { RequestTooLargeError } from './request-too-large-error.ts';
import type { Scheduler, SequenceUpdate } from './scheduler.ts';

export type SchedulerLimits = Omit<RunnerLimits, 'vocabSize'>;

/**
 * First come, first served: the machinery that every admission policy shares.
 *
 * Sequences start in order of arrival and the newest running one is preempted first, so both lists stay in that order
 * and the oldest sequence always moves on: it can have every block, and alone it fits. Steps run in the order of their
 * submission, so blocks and token slots freed here may go to the next step while one is in flight.
 */
export class FcfsScheduler implements Scheduler {
  readonly #policy: AdmissionPolicy;
  readonly #limits: SchedulerLimits;
  readonly #kv: KVCacheManager;
  readonly #waiting: Sequence[] = [];
  /** Running sequences, oldest first, each with its token slot. */
  readonly #running = new Map<Sequence, number>();
  readonly #freeTokenSlots: number[];
  #numPreemptions = 0;

  /** @throws RangeValueError for a limit that is no integer ≥ 1. */
  constructor(policy: AdmissionPolicy, limits: SchedulerLimits) {
    const { maxBatchSize, maxBatchTokens, maxModelLen } = limits;
    for (const [name, value] of Object.entries({ maxBatchSize, maxBatchTokens, maxModelLen })) {
      if (!Number.isInteger(value) || value < 1) throw new RangeValueError(name, value, 'an integer ≥ 1');
    }
    this.#policy = policy;
    this.#limits = limits;
    this.#kv = new KVCacheManager(limits);
    this.#freeTokenSlots = Array.from({ length: maxBatchSize }, (_, index) => maxBatchSize - 1 - index);
  }

  get numWaiting(): number {
    return this.#waiting.length;
  }

  get numRunning(): number {
    return this.#running.size;
  }

  get numPreemptions(): number {
    return this.#numPreemptions;
  }

  hasUnfinished(): boolean {
    return this.numWaiting + this.numRunning > 0;
  }

  addRequest(sequence: Sequence): void {
    const { requestId, promptIds, params } = sequence;
    const { maxModelLen } = this.#limits;
    const maxLength = promptIds.length + params.maxTokens;
    if (maxLength > maxModelLen) throw new RequestTooLargeError(requestId, maxLength, maxModelLen, 'tokens');
    const { numBlocks, blockSize } = this.#kv;
    const maxBlocks = this.#kv.numBlocksFor(maxLength);
    if (maxBlocks > numBlocks) {
      throw new RequestTooLargeError(requestId, maxBlocks, numBlocks, `blocks of ${blockSize} tokens`);
    }
    this.#waiting.push(sequence);
  }

  schedule(): SchedulerOutput {
    const rows: SchedulerRow[] = [];
    const preemptionsBefore = this.#numPreemptions;
    let budget = this.#limits.maxBatchTokens;

    // Preemption takes sequences off the end of the map that this loop walks.
    for (const [sequence, tokenSlot] of this.#running) {
      if (sequence.isFullLength) continue;
      const numTokens = Math.min(sequence.numUncomputedTokens, budget);
      if (numTokens === 0 || !this.#allocateOrPreempt(sequence, numTokens)) break;
      budget -= numTokens;
      rows.push(this.#scheduleRow(sequence, numTokens, tokenSlot));
    }

    // When blocks are short, whoever started now would be the next to lose its own.
    if (this.#numPreemptions > preemptionsBefore) return { rows };

    for (let head = this.#waiting[0]; head !== undefined; head = this.#waiting[0]) {
      const numTokens = Math.min(head.numUncomputedTokens, budget);
      const tokenSlot = this.#freeTokenSlots.at(-1);
      if (tokenSlot === undefined || numTokens === 0 || !this.#admits(head)) break;
      budget -= numTokens;
      this.#waiting.shift();
      this.#freeTokenSlots.pop();
      this.#running.set(head, tokenSlot);
      head.status = 'running';
      rows.push(this.#scheduleRow(head, numTokens, tokenSlot));
    }
    return { rows };
  }

  update(sampled: readonly SchedulerRow[], { ids, finite, logprobs }: StepResult): readonly SequenceUpdate[] {
    const updates: SequenceUpdate[] = [];
    for (const [index, { sequence, epoch }] of sampled.entries()) {
      if (epoch !== sequence.epoch) continue;
      const id = finite[index] === 0 ? null : ids[index]!;
      sequence.numPendingIds--;
      if (id !== null) sequence.ids.push(id);
      const finishReason = id === null ? 'error' : reasonToStop(sequence, id);
      if (finishReason !== null) this.#finish(sequence, finishReason);
      if (finishReason === 'stop' && !isEos(sequence, id)) sequence.stopTokenId = id;
      updates.push({ sequence, id, logprobs: logprobs?.[index] ?? null, finishReason });
    }
    return updates;
  }

  fail(rows: readonly SchedulerRow[]): readonly Sequence[] {
    const failed = rows.filter(({ sequence, epoch }) => epoch === sequence.epoch).map(({ sequence }) => sequence);
    for (const sequence of failed) this.#finish(sequence, 'error');
    return failed;
  }

  abort(sequence: Sequence, reason: 'abort' | 'error' | 'stop' = 'abort'): void {
    if (sequence.status !== 'finished') this.#finish(sequence, reason);
  }

  checkIntegrity(): void {
    this.#kv.checkIntegrity();
    const held = [...this.#running.keys()].reduce((sum, sequence) => sum + this.#kv.blockTable(sequence).length, 0);
    const numUsed = this.#kv.numBlocks - this.#kv.numFreeBlocks;
    if (held !== numUsed) {
      throw new RoseinferError(`running sequences hold ${held} blocks, expected ${numUsed}, as the pool has in use`);
    }
    const slots = new Set([...this.#freeTokenSlots, ...this.#running.values()]);
    const { maxBatchSize } = this.#limits;
    if (slots.size !== maxBatchSize || this.#freeTokenSlots.length + this.numRunning !== maxBatchSize) {
      throw new RoseinferError(`token slots are ${[...slots].join(', ')}, expected each below ${maxBatchSize} once`);
    }
  }

  /** Whether the head of the queue starts now; it has the blocks of all its tokens then, in however many chunks they come. */
  #admits(head: Sequence): boolean {
    // An id in flight would be missing from the recomputed prompt.
    if (head.numPendingIds > 0) return false;
    const { numRunning } = this;
    const { maxBatchSize } = this.#limits;
    const state = { waiting: this.#waiting, numRunning, maxBatchSize, kv: this.#kv };
    return this.#policy.admits(state, head) && this.#kv.allocateSlots(head, head.numUncomputedTokens);
  }

  /** Takes blocks from the newest sequences until there are enough. False when that was `sequence` itself. */
  #allocateOrPreempt(sequence: Sequence, numTokens: number): boolean {
    while (sequence.status === 'running' && !this.#kv.allocateSlots(sequence, numTokens)) {
      const newest = [...this.#running.keys()].at(-1) ?? sequence;
      this.#release(newest);
      newest.status = 'preempted';
      newest.numComputedTokens = 0;
      this.#waiting.unshift(newest);
      this.#numPreemptions++;
    }
    return sequence.status === 'running';
  }

  #scheduleRow(sequence: Sequence, numTokens: number, tokenSlot: number): SchedulerRow {
    const samples = numTokens === sequence.numUncomputedTokens;
    const row: SchedulerRow = {
      sequence,
      start: sequence.numComputedTokens,
      numTokens,
      samples,
      epoch: sequence.epoch,
      tokenSlot,
      blockTable: this.#kv.blockTable(sequence),
    };
    sequence.numComputedTokens += numTokens;
    if (samples) sequence.numPendingIds++;
    return row;
  }

  #finish(sequence: Sequence, reason: FinishReason): void {
    if (!this.#release(sequence)) {
      const index = this.#waiting.indexOf(sequence);
      if (index >= 0) this.#waiting.splice(index, 1);
    }
    sequence.status = 'finished';
    sequence.finishReason = reason;
    sequence.numPendingIds = 0;
    sequence.epoch++;
  }

  /** Takes a sequence off the running ones with its blocks and token slot. False when it does not run. */
  #release(sequence: Sequence): boolean {
    const tokenSlot = this.#running.get(sequence);
    if (tokenSlot === undefined) return false;
    this.#running.delete(sequence);
    this.#freeTokenSlots.push(tokenSlot);
    this.#kv.free(sequence);
    return true;
  }
}

/** Why a sequence ends with the id it got last, if it does. */
function reasonToStop(sequence: Sequence, id: number): 'stop' | 'length' | null {
  const { ids, params } = sequence;
  if (isEos(sequence, id) || params.stopTokenIds.includes(id)) return 'stop';
  return ids.length >= params.maxTokens ? 'length' : null;
}

/** Whether the id ends the sequence as its eos. */
function isEos({ eosId, params }: Sequence, id: number | null): boolean {
  return id === eosId && !params.ignoreEos;
}
