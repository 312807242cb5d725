// The spans of a request from arrival to end, without a gap: for traces, and for finding where latency went.
import type { StepRecord, StepRecordRow } from './step-record.ts';

/** State of a request over a span: before its first step; preempted; waiting otherwise; in a step; ending. */
export type TimelineKind = 'queued' | 'preempted' | 'waiting' | 'prefill' | 'decode' | 'finishing';

/** A piece of a request's time, in milliseconds of the engine's clock. */
export interface TimelineSpan {
  readonly kind: TimelineKind;
  readonly start: number;
  readonly end: number;
  /** The step that it was in; null while it waited. */
  readonly step: TimelineStep | null;
}

/** The step that a request was in during a span. */
export interface TimelineStep {
  readonly index: number;
  /** Tokens of the request in it. */
  readonly numTokens: number;
  /** Requests in it. */
  readonly batchSize: number;
  /** Tokens in it. */
  readonly batchTokens: number;
}

/** Collects the spans of one request. They follow each other from its arrival to its end without a gap. */
export class Timeline {
  readonly #spans: TimelineSpan[] = [];
  readonly #promptTokens: number;
  #end: number;
  /** Step at whose scheduling it was preempted last, until it is in a step again. */
  #preemptedAt = Number.POSITIVE_INFINITY;

  constructor(arrival: number, promptTokens: number) {
    this.#end = arrival;
    this.#promptTokens = promptTokens;
  }

  /** Records that the request was preempted when step `index` was scheduled; an earlier step may still be running. */
  preempt(index: number): void {
    this.#preemptedAt = index;
  }

  /** Records that the request was in a step. Of steps that overlap, the second counts from the end of the first. */
  addStep({ index, submitted, finished, rows }: StepRecord, { start, numTokens }: StepRecordRow): void {
    const waited = this.#spans.length === 0 ? 'queued' : 'waiting';
    const isBack = index >= this.#preemptedAt;
    this.#add(isBack ? 'preempted' : waited, submitted, null);
    if (isBack) this.#preemptedAt = Number.POSITIVE_INFINITY;
    const batchTokens = rows.reduce((sum, row) => sum + row.numTokens, 0);
    const isDecode = numTokens === 1 && start >= this.#promptTokens;
    const step = { index, numTokens, batchSize: rows.length, batchTokens };
    this.#add(isDecode ? 'decode' : 'prefill', finished, step);
  }

  /** Ends the last span at `end`; returns all. */
  finish(end: number): readonly TimelineSpan[] {
    const waited = this.#preemptedAt < Number.POSITIVE_INFINITY ? 'preempted' : 'finishing';
    this.#add(this.#spans.length === 0 ? 'queued' : waited, end, null);
    return this.#spans;
  }

  #add(kind: TimelineKind, end: number, step: TimelineStep | null): void {
    if (end <= this.#end && step === null) return;
    this.#spans.push({ kind, start: this.#end, end: Math.max(end, this.#end), step });
    this.#end = Math.max(end, this.#end);
  }
}
