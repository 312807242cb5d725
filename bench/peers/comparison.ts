// Comparison of roseinfer with its peers: each engine runs in a process of its own, so that a failure stops no other.
import { join, resolve } from 'node:path';
import { findGGUF } from '../../src/formats/gguf/find-gguf.ts';
import type { DeviceIdentity } from '../../src/gpu/device-traits.ts';
import { WEIGHT_DTYPES, type WeightDType } from '../../src/kernels/weights/weight-tiles.ts';
import { BUNDLED_MODEL } from '../../src/models/bundled-model.ts';
import { openSource } from '../../src/models/resolve-model.ts';
import { deviceOptions, modelOptions } from '../../src/terminal/flags.ts';
import type { PeerName, PeersArgs } from './args.ts';
import { type ChildOptions, runChild } from './child.ts';
import type { DecodeJob, DecodeResult } from './decode-job.ts';
import type { GgmlType } from './ggml-type.ts';
import { writeGguf } from './gguf-model.ts';
import { installPeer, LLAMA, ONNX, type PeerPackage } from './install.ts';
import type { LlamaDecodeJob } from './llama-decode.ts';
import type { MatmulResult, WeightShape } from './matmul-job.ts';
import type { OnnxMatmulJob } from './onnx-matmul.ts';
import { PeerError } from './peer-error.ts';
import type { RoseinferDecodeJob, RoseinferDecodeResult } from './roseinfer-decode.ts';
import type { RoseinferMatmulJob } from './roseinfer-matmul.ts';
import { vulkanEnvironment } from './vulkan-device.ts';

/** Name of an engine in the results. */
export type EngineName = 'roseinfer' | PeerName;

/** Adapter and weights of roseinfer. */
export interface Setup {
  readonly adapter: DeviceIdentity;
  /** Storage of the weights: one type, or several such as `q4 + q8_32`. */
  readonly dtype: string;
}

/** Single result of a comparison. */
export type Finding =
  | { readonly kind: 'setup'; readonly setup: Setup }
  | { readonly kind: 'decode'; readonly engine: EngineName; readonly result: DecodeResult }
  | { readonly kind: 'matmul'; readonly engine: EngineName; readonly result: MatmulResult }
  | { readonly kind: 'problem'; readonly engine: EngineName; readonly problem: string };

/** Flags, prompts and callbacks of a comparison. */
export interface ComparisonOptions {
  readonly args: PeersArgs;
  /** Prompts as ids. */
  readonly prompts: DecodeJob['prompts'];
  /** Directory for installed packages and the model file. */
  readonly scratch: string;
  readonly signal: AbortSignal;
  /** Called with the activity that begins. */
  readonly onProgress: (text: string) => void;
  /** Receives each finding; the engine makes no other one meanwhile. */
  readonly onFinding: (finding: Finding, comparison: Comparison) => Promise<void>;
}

/** Type of the same weights in a GGUF file. */
const GGML_TYPE_OF = { f32: 'F32', f16: 'F16', q8: 'Q8_0' } as const satisfies Readonly<Record<string, GgmlType>>;

/**
 * Environment with one thread in Node's pool. node-llama-cpp samples the sequences of a batch in parallel there, and
 * llama.cpp sorts the logits on first access: with more threads two sequences sometimes swap their tokens.
 */
const ONE_SAMPLER = { UV_THREADPOOL_SIZE: '1' } as const;

const script = (name: string) => new URL(`./${name}.ts`, import.meta.url);

/** Runs of roseinfer and its peers, in turns and each in a process of its own, and their results. */
export class Comparison {
  readonly decode = new Map<EngineName, DecodeResult[]>();
  readonly matmul = new Map<EngineName, MatmulResult[]>();
  /** Reasons why engines did not run to their end. */
  readonly problems = new Map<EngineName, string>();
  readonly #options: ComparisonOptions;
  // Shared by peers, and made when the first of them needs it.
  readonly #llama = once(() => this.#install(LLAMA));
  readonly #onnx = once(() => this.#install(ONNX));
  readonly #gguf = once(() => this.#modelFile());
  readonly #vulkan = once(() => this.#findVulkan());
  #setup: Setup | null = null;

  constructor(options: ComparisonOptions) {
    this.#options = options;
  }

  /** Setup of roseinfer. @throws PeerError before roseinfer has run. */
  get setup(): Setup {
    if (this.#setup === null) throw new PeerError('roseinfer has not run');
    return this.#setup;
  }

  /**
   * Runs a round: every engine once. One that fails is left out from then on.
   *
   * @throws PeerError when roseinfer fails before its setup is known; the signal's reason; what `onFinding` throws.
   */
  async runRound(peers: readonly PeerName[]): Promise<void> {
    await this.#attempt('roseinfer', () => this.#decodeRoseinfer());
    if (peers.includes('llama-vulkan')) await this.#attempt('llama-vulkan', () => this.#decodeLlama('llama-vulkan'));
    if (peers.includes('llama-cpu')) await this.#attempt('llama-cpu', () => this.#decodeLlama('llama-cpu'));
    const providers = (['webgpu', 'cpu'] as const).filter((provider) => peers.includes(`onnx-${provider}`));
    const dtype = singleStorage(this.setup);
    if (providers.length > 0 && dtype !== null) await this.#attempt('roseinfer', () => this.#multiplyRoseinfer(dtype));
    for (const provider of providers) await this.#attempt(`onnx-${provider}`, () => this.#multiplyOnnx(provider));
  }

  async #attempt(engine: EngineName, run: () => Promise<void>): Promise<void> {
    if (this.problems.has(engine)) return;
    try {
      await run();
    } catch (error) {
      this.#options.signal.throwIfAborted();
      if (!(error instanceof PeerError) || this.#setup === null) throw error;
      await this.#take({ kind: 'problem', engine, problem: error.message });
    }
  }

  /** Keeps a finding and passes it on. */
  async #take(finding: Finding): Promise<void> {
    if (finding.kind === 'setup') this.#setup = finding.setup;
    else if (finding.kind === 'problem') this.problems.set(finding.engine, finding.problem);
    else if (finding.kind === 'decode') collect(this.decode, finding.engine, finding.result);
    else collect(this.matmul, finding.engine, finding.result);
    await this.#options.onFinding(finding, this);
  }

  async #decodeRoseinfer(): Promise<void> {
    const { args, prompts } = this.#options;
    const { model, 'max-new-tokens': maxNewTokens } = args;
    const job: RoseinferDecodeJob = { prompts, maxNewTokens, model, options: modelOptions(args) };
    await this.#run<RoseinferDecodeJob, RoseinferDecodeResult>('roseinfer-decode', 'roseinfer', job, (result) => {
      if ('adapter' in result) return this.#take({ kind: 'setup', setup: result });
      return this.#take({ kind: 'decode', engine: 'roseinfer', result });
    });
  }

  async #decodeLlama(peer: 'llama-vulkan' | 'llama-cpu'): Promise<void> {
    const { args, prompts } = this.#options;
    const onVulkan = peer === 'llama-vulkan';
    const job: LlamaDecodeJob = {
      prompts,
      maxNewTokens: args['max-new-tokens'],
      directory: await this.#llama(),
      model: await this.#gguf(),
      gpu: onVulkan ? 'vulkan' : false,
      threads: args.threads,
    };
    const env = { ...ONE_SAMPLER, ...(onVulkan ? await this.#vulkan() : {}) };
    const take = (result: DecodeResult) => this.#take({ kind: 'decode', engine: peer, result });
    await this.#run('llama-decode', peer, job, take, env);
  }

  async #multiplyRoseinfer(dtype: WeightDType): Promise<void> {
    const job: RoseinferMatmulJob = { dtype, device: deviceOptions(this.#options.args) };
    const take = (result: MatmulResult) => this.#take({ kind: 'matmul', engine: 'roseinfer', result });
    await this.#run('roseinfer-matmul', 'roseinfer', job, take);
  }

  async #multiplyOnnx(provider: OnnxMatmulJob['provider']): Promise<void> {
    const peer = `onnx-${provider}` as const;
    const { dtype } = this.setup;
    if (singleStorage(this.setup) === null) throw new PeerError(`weights are ${dtype}, expected one type for all`);
    const shapes = new Map(
      this.matmul.get('roseinfer')?.map(({ name, K, N }): [string, WeightShape] => [name, { name, K, N }]),
    );
    if (shapes.size === 0) throw new PeerError('roseinfer has multiplied nothing, expected shapes to multiply at');
    const job: OnnxMatmulJob = { directory: await this.#onnx(), provider, shapes: [...shapes.values()] };
    const take = (result: MatmulResult) => this.#take({ kind: 'matmul', engine: peer, result });
    await this.#run('onnx-matmul', peer, job, take);
  }

  async #run<J extends object, R>(
    file: string,
    engine: EngineName,
    job: J,
    onResult: ChildOptions<R>['onResult'],
    env: ChildOptions<R>['env'] = {},
  ): Promise<void> {
    const { args, signal, onProgress } = this.#options;
    onProgress(`${engine} runs`);
    await runChild(script(file), job, { env, timeoutSeconds: args.timeout, signal, onResult });
  }

  #install(peer: PeerPackage): Promise<string> {
    const { args, scratch, signal, onProgress } = this.#options;
    onProgress(`installing ${peer.name}`);
    return installPeer(peer, args['peers-dir'] ?? scratch, signal);
  }

  async #findVulkan(): Promise<Readonly<Record<string, string>>> {
    const { args, signal } = this.#options;
    const options = { timeoutSeconds: args.timeout, signal };
    return vulkanEnvironment(await this.#llama(), this.setup.adapter.name, options);
  }

  /** Finds the GGUF file of the model, or writes one. */
  async #modelFile(): Promise<string> {
    const { args, scratch, onProgress } = this.#options;
    const name = args.model ?? BUNDLED_MODEL;
    const found = await findGGUF(name);
    if (found !== null) return resolve(found);
    onProgress('writing the GGUF file');
    const path = join(scratch, 'model.gguf');
    const { model, source } = await openSource(name);
    await using weights = source;
    await writeGguf(path, model, weights, GGML_TYPE_OF[sharedStorage(this.setup)]);
    return path;
  }
}

/** Returns the storage type of roseinfer's weights; null where there are several. */
function singleStorage({ dtype }: Setup): WeightDType | null {
  return WEIGHT_DTYPES.find((type) => type === dtype) ?? null;
}

/** Returns the storage type of roseinfer's weights. @throws PeerError for one in which no GGUF file is written. */
function sharedStorage({ dtype }: Setup): keyof typeof GGML_TYPE_OF {
  if (dtype === 'f32' || dtype === 'f16' || dtype === 'q8') return dtype;
  throw new PeerError(`weights are ${dtype}, expected one of ${Object.keys(GGML_TYPE_OF).join(', ')} to write as GGUF`);
}

/** Makes a value at the first call; later calls return the same, a failure too. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => {
    made ??= make();
    return made;
  };
}

function collect<R>(results: Map<EngineName, R[]>, engine: EngineName, result: R): void {
  results.set(engine, [...(results.get(engine) ?? []), result]);
}
