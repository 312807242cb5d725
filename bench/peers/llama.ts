// What is used of node-llama-cpp, which is no dependency: it is imported from where it was installed.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface LlamaModule {
  getLlama(options: object): Promise<Llama>;
}

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

export interface LlamaSequence {
  evaluate(ids: readonly number[], options: object): AsyncIterable<number>;
}

/** Opens llama.cpp from the package in `directory`, as it came: nothing is built. @throws what the package throws. */
export async function openLlama(
  directory: string,
  options: { readonly gpu: 'vulkan' | false; readonly maxThreads?: number | undefined },
): Promise<Llama> {
  const { getLlama }: LlamaModule = await import(pathToFileURL(join(directory, 'dist', 'index.js')).href);
  return getLlama({ ...options, build: 'never', logLevel: 'error' });
}
