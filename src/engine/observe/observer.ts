// A listener that a caller gave: its faults cost no request anything.
import { FaultReport } from '../fault-report.ts';

/** A function of the caller's that is told of something. What it throws, or rejects with later, is reported once. */
export class Observer<T> {
  readonly #tell: ((value: T) => unknown) | undefined;
  readonly #faults: FaultReport;

  constructor(name: string, tell: ((value: T) => unknown) | undefined) {
    this.#tell = tell;
    this.#faults = new FaultReport(name);
  }

  /** Never throws. */
  tell(value: T): void {
    try {
      const result = this.#tell?.(value);
      if (typeof result === 'object' && result !== null) {
        Promise.resolve(result).catch((error: unknown) => this.#faults.add(error));
      }
    } catch (error) {
      this.#faults.add(error);
    }
  }
}
