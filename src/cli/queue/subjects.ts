// The names of a queue's streams and subjects. They are made of names of runs and numbers of lines, never of callers' own ids.

/** Wanted fingerprint of a job that any worker may take. */
export const ANY = 'any';

const JOBS = 'j';
const RESULTS = 'r';
const WORKERS = 'w';
const RUN = /^[\da-f]{16}$/;
const LINE = /^[1-9]\d{0,14}$/;

/** Place of a job: its run and its line. */
export interface JobPlace {
  readonly run: string;
  readonly line: number;
}

/** Names in a queue. */
export class Subjects {
  readonly #queue: string;

  /** @param queue its name. */
  constructor(queue: string) {
    this.#queue = queue;
  }

  /** Stream of jobs. */
  get jobStream(): string {
    return `${this.#queue}_jobs`;
  }

  /** Stream of results. */
  get resultStream(): string {
    return `${this.#queue}_results`;
  }

  /** All jobs. */
  get jobs(): string {
    return `${this.#queue}.${JOBS}.>`;
  }

  /** All results. */
  get results(): string {
    return `${this.#queue}.${RESULTS}.>`;
  }

  /** Where workers answer who they are. */
  get workers(): string {
    return `${this.#queue}.${WORKERS}`;
  }

  /** Jobs that want a fingerprint. */
  jobsFor(wanted: string): string {
    return `${this.#queue}.${JOBS}.${wanted}.>`;
  }

  /** Jobs of a run. */
  jobsOf(run: string): string {
    return `${this.#queue}.${JOBS}.*.${run}.*`;
  }

  /** Results of a run. */
  resultsOf(run: string): string {
    return `${this.#queue}.${RESULTS}.${run}.*`;
  }

  /** A job. */
  job(wanted: string, { run, line }: JobPlace): string {
    return `${this.#queue}.${JOBS}.${wanted}.${run}.${line}`;
  }

  /** A result. */
  result({ run, line }: JobPlace): string {
    return `${this.#queue}.${RESULTS}.${run}.${line}`;
  }

  /** Reads the place of a job or a result from its subject; returns null for a subject that is neither. */
  placeOf(subject: string): JobPlace | null {
    const [run = '', line = ''] = subject.split('.').slice(-2);
    return RUN.test(run) && LINE.test(line) ? { run, line: Number(line) } : null;
  }
}
