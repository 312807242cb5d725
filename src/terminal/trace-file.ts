// The file of `--trace`: collects the steps and requests of engines and writes them when the command ends, however it ends.
import type { EngineWatch } from '../engine/engine-options.ts';
import type { StepRecord } from '../engine/observe/step-record.ts';
import type { FinishedRequest } from '../engine/request.ts';
import type { LoadedModel } from '../load-model.ts';
import { packageVersion } from '../util/package-info.ts';
import { replaceFile, tellNothingYet } from './output-file.ts';
import { traceEvents } from './trace-events.ts';

const FLAG = '--trace';
/** Characters of a chunk of the file, exceeded by less than an event. */
const CHUNK = 2 ** 16;

const KERNEL_TIMES = {
  timed:
    'each kernel ran in a pass of its own to be timed, so steps took longer than without --trace; ' +
    "the GPU's clock was set against the engine's by the submits and results of the steps",
  untimed: 'none: the adapter has no timestamps, or no step came to its end',
};

/** Steps and finished requests of one engine. */
interface Recording {
  readonly name: string;
  readonly steps: StepRecord[];
  readonly requests: FinishedRequest[];
}

/** Trace for Perfetto or chrome://tracing: collects steps and requests of engines, and is written when disposed of. */
export class TraceFile implements AsyncDisposable {
  readonly #path: string;
  readonly #signal: AbortSignal;
  readonly #recordings: Recording[] = [];
  #about: Readonly<Record<string, string>> = {};

  /**
   * Writes nothing yet.
   *
   * @param path a file that `checkOutputs` has looked at.
   * @param signal interrupts the command.
   */
  constructor(path: string, signal: AbortSignal) {
    this.#path = path;
    this.#signal = signal;
  }

  /** Names the model and the adapter in the trace; `model` as in a report. */
  describe(model: string, { adapter, dtype }: Pick<LoadedModel, 'adapter' | 'dtype'>): void {
    const { name, driver, webgpu, reduction } = adapter;
    this.#about = { model, dtype, adapter: name, driver, reduction, webgpu };
  }

  /** Makes the options of an engine that the trace shows as a process called `name`. */
  watch(name: string): EngineWatch {
    const recording: Recording = { name, steps: [], requests: [] };
    this.#recordings.push(recording);
    return {
      observers: [
        {
          onStep: (step) => recording.steps.push(step),
          onFinish: (request) => recording.requests.push(request),
        },
      ],
      timeline: true,
      timeKernels: true,
    };
  }

  /**
   * Writes the file, unless nothing ran; after an interruption it then says so on stderr.
   *
   * @throws OutputFileError
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const isEmpty = this.#recordings.every(({ steps, requests }) => steps.length + requests.length === 0);
    if (!isEmpty) await replaceFile(FLAG, this.#path, this.#chunks());
    else if (this.#signal.aborted) tellNothingYet(FLAG, this.#path);
  }

  /** Yields the JSON object in chunks, one event a line. */
  *#chunks(): Generator<string> {
    const isTimed = this.#recordings.some(({ steps }) => steps.some(({ times }) => times !== undefined));
    const otherData = {
      program: `roseinfer ${packageVersion()}`,
      date: new Date().toISOString(),
      node: process.versions.node,
      ...this.#about,
      kernel_times: isTimed ? KERNEL_TIMES.timed : KERNEL_TIMES.untimed,
    };
    let chunk = `{"displayTimeUnit":"ms","otherData":${JSON.stringify(otherData)},"traceEvents":[`;
    let separator = '\n';
    for (const event of traceEvents(this.#recordings)) {
      chunk += separator + JSON.stringify(event);
      separator = ',\n';
      if (chunk.length < CHUNK) continue;
      yield chunk;
      chunk = '';
    }
    yield `${chunk}\n]}\n`;
  }
}
