// The observers of an engine: a server has metrics, a trace and a log at once. Each is called apart from the
// others, so a fault in one reaches neither the engine nor the rest.
import type { Check } from '../../util/option-checks.ts';
import { FaultReport } from '../fault-report.ts';
import type { FinishedRequest } from '../request.ts';
import type { StepRecord } from './step-record.ts';

/**
 * Listener of an engine; it has one method or both. It is called between steps, so a slow one delays them. What it throws,
 * or rejects with later, is reported once, as a warning of the process, and changes nothing for requests or other observers.
 */
export interface EngineObserver {
  /** Receives every step after its result, or its failure, has reached the host. */
  readonly onStep?: ((step: StepRecord) => void) | undefined;
  /** Receives every request that has ended, in whatever way. */
  readonly onFinish?: ((request: FinishedRequest) => void) | undefined;
}

/** Accepts a list of observers. */
export const observerList: Check = {
  expected: 'a list of objects that have onStep(), onFinish() or both',
  accepts: (value) => Array.isArray(value) && Array.from(value).every(isObserver),
};

function isObserver(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const methods = ['onStep', 'onFinish'].map((name) => Reflect.get(value, name)).filter((each) => each !== undefined);
  return methods.length > 0 && methods.every((each) => typeof each === 'function');
}

/** The observers of an engine. Notifying them never throws. */
export class Observers {
  readonly #steps: readonly Listener<StepRecord>[];
  readonly #requests: readonly Listener<FinishedRequest>[];

  constructor(observers: readonly EngineObserver[]) {
    this.#steps = observers.map(
      (observer, index) => new Listener(`onStep of observers[${index}]`, (step) => observer.onStep?.(step)),
    );
    this.#requests = observers.map(
      (observer, index) => new Listener(`onFinish of observers[${index}]`, (request) => observer.onFinish?.(request)),
    );
  }

  /** Notifies all of a step. */
  tellStep(step: StepRecord): void {
    for (const listener of this.#steps) listener.tell(step);
  }

  /** Notifies all of a request that has ended. */
  tellFinish(request: FinishedRequest): void {
    for (const listener of this.#requests) listener.tell(request);
  }
}

/** A caller's function whose faults are reported once. */
class Listener<T> {
  readonly #call: (value: T) => unknown;
  readonly #faults: FaultReport;

  constructor(name: string, call: (value: T) => unknown) {
    this.#call = call;
    this.#faults = new FaultReport(name);
  }

  /** Never throws. */
  tell(value: T): void {
    try {
      const result = this.#call(value);
      if (typeof result === 'object' && result !== null) {
        Promise.resolve(result).catch((error: unknown) => this.#faults.add(error));
      }
    } catch (error) {
      this.#faults.add(error);
    }
  }
}
