// Child process: roseinfer's side of the decode comparison.
import { Engine } from '../../src/engine/engine.ts';
import type { DeviceIdentity } from '../../src/gpu/device-traits.ts';
import { yieldToAdapter } from '../../src/gpu/host-priority.ts';
import { loadModel } from '../../src/load-model.ts';
import type { LoadModelOptions } from '../../src/runtime/load-options.ts';
import type { TimedIds } from '../common/decode-speed.ts';
import { answerJob } from './answer-job.ts';
import { BATCH_SIZES, type DecodeJob, type DecodeResult, decodeBatches } from './decode-job.ts';
import { PeerError } from './peer-error.ts';

/** Job of roseinfer: decoding. */
export interface RoseinferDecodeJob extends DecodeJob {
  readonly model: string | undefined;
  readonly options: Pick<LoadModelOptions, 'dtype' | 'kvDtype' | 'adapter' | 'reduction'>;
}

/** Result of roseinfer: its setup before the first batch, then the batches. */
export type RoseinferDecodeResult = DecodeResult | { readonly adapter: DeviceIdentity; readonly dtype: string };

answerJob(async (job: RoseinferDecodeJob, report: (result: RoseinferDecodeResult) => void) => {
  const maxBatchSize = Math.max(...BATCH_SIZES);
  const model = await loadModel(job.model, { ...job.options, maxBatchSize });
  yieldToAdapter(model.device.traits);
  report({ adapter: model.adapter, dtype: model.dtype });

  const generate = async (prompts: DecodeJob['prompts'], maxTokens: number): Promise<TimedIds[]> => {
    await using engine = new Engine({ runner: model.runner, tokenizer: model.tokenizer });
    const sampling = { maxTokens, temperature: 0, ignoreEos: true };
    const responses = await engine.generateBatch(prompts.map((promptIds) => ({ promptIds, sampling })));
    return responses.map(({ ids, timings, error }) => {
      if (error !== null) throw new PeerError(error);
      return { ids, times: timings.tokenTimes };
    });
  };
  await decodeBatches(job, generate, report);
});
