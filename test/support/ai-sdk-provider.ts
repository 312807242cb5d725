// A provider for the AI SDK over the runner without a model, with the tokenizer of the bundled model.

import { createRoseinfer, type EngineModel, type RoseinferProvider } from '../../src/ai-sdk/index.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { EngineOptions } from '../../src/engine/engine-options.ts';
import { FakeRunner } from './engine/fake-runner.ts';
import { SERVER_LIMITS, talesTokenizer as tokenizer } from './server/test-server.ts';

export interface TestProvider extends AsyncDisposable {
  readonly roseinfer: RoseinferProvider;
  readonly engine: Engine;
  readonly runner: FakeRunner;
}

/** Opens an engine of its own and a provider on it. */
export function openTestProvider(
  model: Partial<EngineModel> = {},
  options: Partial<EngineOptions> = {},
  runner = new FakeRunner(SERVER_LIMITS),
): TestProvider {
  const engine = new Engine({ runner, tokenizer, ...options });
  const roseinfer = createRoseinfer({ engine, model: { name: 'weights/tales', runner, tokenizer, ...model } });
  return {
    roseinfer,
    engine,
    runner,
    async [Symbol.asyncDispose]() {
      await roseinfer.close();
      await engine.close();
    },
  };
}

/** Reads a stream to its end. */
export async function allOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of stream) all.push(each);
  return all;
}
