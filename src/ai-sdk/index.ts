// Exports of 'roseinfer/ai-sdk': a provider for the AI SDK, whose calls run in this process.

import '../util/platform-types.ts';

export type { RoseinferCallOptions } from './call-options.ts';
export type { RoseinferEmbeddingOptions } from './embedding-model.ts';
export { ProviderClosedError } from './errors.ts';
export type { RoseinferMetadata } from './outcome.ts';
export { createRoseinfer, type RoseinferProvider } from './provider.ts';
export type {
  EngineModel,
  OfEngine,
  OfLLM,
  OfModel,
  ProviderNames,
  RoseinferOptions,
} from './provider-options.ts';
