// Child process: ONNX Runtime's side of the matmul comparison.
import { createRequire } from 'node:module';
import { answerJob } from './answer-job.ts';
import { MATMUL_ROWS, type MatmulResult, timeMatmul, type WeightShape } from './matmul-job.ts';
import { matmulModel } from './onnx.ts';

/** Job of ONNX Runtime. */
export interface OnnxMatmulJob {
  /** Directory of the package onnxruntime-node. */
  readonly directory: string;
  readonly provider: 'webgpu' | 'cpu';
  readonly shapes: readonly WeightShape[];
}

/** Used part of onnxruntime-node. */
interface OnnxModule {
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => object;
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<OnnxSession> };
}
interface OnnxSession {
  run(feeds: Readonly<Record<string, object>>): Promise<object>;
  release(): Promise<void>;
}

answerJob(async ({ directory, provider, shapes }: OnnxMatmulJob, report: (result: MatmulResult) => void) => {
  const { InferenceSession, Tensor }: OnnxModule = createRequire(import.meta.url)(directory);
  for (const { name, K, N } of shapes) {
    // Any numbers will do, except zeros and denormals.
    const model = matmulModel(K, N, new Float32Array(K * N).fill(0.05));
    const session = await InferenceSession.create(model, { executionProviders: [provider] });
    for (const M of MATMUL_ROWS) {
      const feeds = { x: new Tensor('float32', new Float32Array(M * K).fill(1), [M, K]) };
      report({ name, K, N, M, ms: await timeMatmul(() => session.run(feeds)) });
    }
    await session.release();
  }
});
