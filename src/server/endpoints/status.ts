// Answers about the server and its model. Nothing of them is a path, a key or a prompt.

import { contextOf } from '../../core/runner.ts';
import { packageVersion } from '../../util/package-info.ts';
import { ApiError } from '../api-error.ts';
import { type Call, checkIsServing, checkModel, ownerOf, type Serving } from '../serving.ts';

/** Answers `/health`: 503 while the server ends, and when the device is gone. */
export function health(serving: Serving, call: Call): Response {
  checkIsServing(serving);
  return call.json({ status: 'ok' });
}

/** Answers `/version`. */
export function version(_: Serving, call: Call): Response {
  return call.json({ version: packageVersion() });
}

/** Answers `/v1/models`. */
export function models(serving: Serving, call: Call): Response {
  return call.json({ object: 'list', data: [modelCard(serving)] });
}

/** Answers `/v1/models/{id}`. */
export function model(serving: Serving, call: Call): Response {
  checkModel(serving, call.req.param('id'));
  return call.json(modelCard(serving));
}

/** Answers `/model_info`, which routers ask for. */
export function modelInfo({ model }: Serving, call: Call): Response {
  return call.json({
    model_path: model.name,
    served_model_name: model.name,
    is_generation: true,
    max_model_len: model.runner.limits.maxModelLen,
    vocab_size: model.runner.limits.vocabSize,
  });
}

/** Answers `/server_info`. */
export function serverInfo({ model, options, startedAt }: Serving, call: Call): Response {
  const { limits } = model.runner;
  return call.json({
    version: packageVersion(),
    served_model_name: model.name,
    system_fingerprint: model.fingerprint,
    uptime_seconds: Math.floor((Date.now() - startedAt) / 1000),
    max_model_len: limits.maxModelLen,
    max_total_num_tokens: contextOf(limits),
    ...limitsOf(limits),
    max_body_bytes: options.maxBody,
    request_timeout_seconds: options.requestTimeout,
    ...model.facts,
  });
}

/** Answers `/metrics`. */
export async function metrics(serving: Serving, call: Call): Promise<Response> {
  const text = await serving.metrics.text();
  return call.body(text, 200, { 'content-type': serving.metrics.contentType });
}

/** Answers `/abort/{id}`. */
export function abort(serving: Serving, call: Call): Response {
  const id = call.req.param('id');
  if (id === undefined) throw new ApiError(404, 'path has no id', { code: 'request_not_found' });
  serving.generations.abort(id, ownerOf(call));
  return call.json({ id, object: 'abort', aborted: true });
}

function modelCard({ model, startedAt }: Serving) {
  return {
    id: model.name,
    object: 'model',
    created: Math.floor(startedAt / 1000),
    owned_by: 'roseinfer',
    max_model_len: model.runner.limits.maxModelLen,
    // Without a template, chats are written by roles.
    chat_template: model.chat === undefined ? 'roles' : 'model',
  };
}

function limitsOf({ maxBatchSize, maxBatchTokens, numBlocks, blockSize }: Serving['model']['runner']['limits']) {
  return {
    max_batch_size: maxBatchSize,
    max_batch_tokens: maxBatchTokens,
    num_blocks: numBlocks,
    block_size: blockSize,
  };
}
