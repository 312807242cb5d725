// Types of the used part of node-llama-cpp, which is no dependency but imported from where it was installed.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface LlamaModule {
  getLlama(options: object): Promise<Llama>;
}

/** Opened llama.cpp. */
export interface Llama {
  getGpuDeviceNames(): Promise<string[]>;
  loadModel(options: object): Promise<LlamaModel>;
}

interface LlamaModel {
  readonly gpuLayers: number;
  readonly fileInsights: { readonly totalLayers: number };
  createContext(options: object): Promise<LlamaContext>;
}

interface LlamaContext {
  getSequence(): LlamaSequence;
  dispose(): Promise<void>;
}

/** Sequence of a context. */
export interface LlamaSequence {
  evaluate(ids: readonly number[], options: object): AsyncIterable<number>;
}

/** Opens the built llama.cpp of the package in `directory`. @throws what the package throws. */
export async function openLlama(
  directory: string,
  options: { readonly gpu: 'vulkan' | false; readonly maxThreads?: number | undefined },
): Promise<Llama> {
  const { getLlama }: LlamaModule = await import(pathToFileURL(join(directory, 'dist', 'index.js')).href);
  return getLlama({ ...options, build: 'never', logLevel: 'error' });
}
