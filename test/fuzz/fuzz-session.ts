// A model opened for fuzzing and the solo runs of its requests: the reference that every schedule is compared with.
import { deriveSeed } from '../../src/core/sampling-params.ts';
import type { Pooling } from '../../src/core/sequence.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { FinishedRequest, RequestHandle } from '../../src/engine/request.ts';
import type { Device } from '../../src/gpu/device.ts';
import type { ModelRunner, ModelRunnerOptions } from '../../src/runtime/model-runner.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import type { FuzzModel } from './fuzz-models.ts';
import { type FuzzRequest, fuzzRequests } from './fuzz-requests.ts';
import { FuzzRunner } from './fuzz-runner.ts';

/** Result of a request that runs alone. */
export interface SoloRun {
  readonly response: FinishedRequest;
  /** Logits of the row that each id was sampled from, by the position of the id. */
  readonly logits: ReadonlyMap<number, Buffer>;
}

/** A model on a device, its requests, and their solo runs, each made when it is first needed. */
export class FuzzSession implements AsyncDisposable {
  readonly model: FuzzModel;
  readonly runner: ModelRunner;
  readonly tokenizer: Tokenizer;
  readonly requests: readonly FuzzRequest[];
  readonly #solo = new Map<number, Promise<SoloRun>>();
  readonly #embeddings = new Map<string, Promise<Buffer>>();

  private constructor(model: FuzzModel, runner: ModelRunner, tokenizer: Tokenizer) {
    this.model = model;
    this.runner = runner;
    this.tokenizer = tokenizer;
    this.requests = fuzzRequests(model);
  }

  static async open(device: Device, model: FuzzModel, kernels?: ModelRunnerOptions['kernels']): Promise<FuzzSession> {
    return new FuzzSession(model, await model.open(device, kernels), await Tokenizer.load('weights/tales'));
  }

  /** Runs the request alone, without chunks, overlap or prefix cache; with a number, that choice of it. */
  solo(request: FuzzRequest, choice: number | null): Promise<SoloRun> {
    const { promptIds, sampling, constraint } = request;
    // Of several choices the first alone reports them.
    const promptLogprobs = (choice ?? 0) === 0 ? request.promptLogprobs : null;
    const seed = choice === null ? sampling.seed : deriveSeed(sampling.seed, choice);
    const known = this.#solo.get(seed);
    if (known !== undefined) return known;
    const run = this.#runAlone({ promptIds, promptLogprobs, constraint, sampling: { ...sampling, seed } });
    this.#solo.set(seed, run);
    return run;
  }

  /** Computes the bytes of the embedding of the request's prompt alone, without chunks, overlap or prefix cache. */
  soloEmbedding({ promptIds, sampling }: FuzzRequest, pooling: Pooling): Promise<Buffer> {
    const key = `${sampling.seed} ${pooling}`;
    const known = this.#embeddings.get(key);
    if (known !== undefined) return known;
    const run = this.#finishAlone((engine) => engine.addEmbedding({ promptIds, pooling })).then(({ response }) =>
      bytesOf(response.embedding),
    );
    this.#embeddings.set(key, run);
    return run;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runner.close();
  }

  async #runAlone(request: FuzzRequest): Promise<SoloRun> {
    const { response, runner } = await this.#finishAlone((engine) => engine.addRequest(request));
    return { response, logits: new Map(runner.logits.map(({ position, bytes }) => [position, bytes])) };
  }

  async #finishAlone(add: (engine: Engine) => RequestHandle) {
    const runner = new FuzzRunner(this.runner);
    const options = { scheduler: 'naive', overlap: false, prefixCache: false } as const;
    await using engine = new Engine({ runner, clock: runner, tokenizer: this.tokenizer, ...options });
    const { finished } = add(engine);
    while (engine.hasUnfinished) {
      const turn = engine.step();
      runner.release();
      await turn;
    }
    return { response: await finished, runner };
  }
}

/** The bytes of a vector; none where there is none. */
export function bytesOf(embedding: Float32Array | null): Buffer {
  const { buffer, byteOffset, byteLength } = embedding ?? new Float32Array();
  return Buffer.from(buffer, byteOffset, byteLength);
}
