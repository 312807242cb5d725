// Who answers: engine, version and model, from what servers of OpenAI's API tell about themselves. None of it is guessed.
import { isJsonObject, type JsonObject, tryJsonObject } from '../../src/util/json.ts';
import { quote } from '../../src/util/quote.ts';
import type { HttpClient } from './http-client.ts';
import { refusalOf } from './read-completion.ts';
import { ServerError } from './server-error.ts';

/** Server of a benchmark. */
export interface ServerIdentity {
  /** Name of the engine; `unknown` for one whose models say nothing known of their owner. */
  readonly engine: string;
  readonly version: string | null;
  /** Owner of the model, as the server lists it. */
  readonly ownedBy: string | null;
  readonly model: string;
  /** Names what decides ids, where the server has one. */
  readonly fingerprint: string | null;
  /** Tokens of the context; null where the server does not say. */
  readonly maxModelLen: number | null;
  readonly vocabSize: number | null;
}

/** Engines by the owner that their servers write. */
const ENGINES: Readonly<Record<string, string>> = {
  roseinfer: 'roseinfer',
  vllm: 'vllm',
  sglang: 'sglang',
  llamacpp: 'llama.cpp',
};

/**
 * Asks a server for its name and its model.
 *
 * @param wanted name of the model; the first one that is listed where it is undefined.
 * @throws ServerError for a server that does not answer, or lists no model.
 */
export async function identifyServer(
  client: HttpClient,
  url: URL,
  wanted: string | undefined,
): Promise<ServerIdentity> {
  const models = await listModels(client, url);
  const card = wanted === undefined ? models[0] : models.find(({ id }) => id === wanted);
  const model = wanted ?? text(card?.id);
  if (model === null) throw new ServerError(`${name(url)}, which lists no model, expected --model with its name`);
  const [version, info, modelInfo] = await Promise.all(
    ['/version', '/server_info', '/model_info'].map((path) => ask(client, path)),
  );
  // A model that is not listed may be an adapter of one that is.
  const ownedBy = text((card ?? models[0])?.owned_by);
  return {
    engine: ENGINES[ownedBy ?? ''] ?? 'unknown',
    version: text(version?.version) ?? text(info?.version),
    ownedBy,
    model,
    fingerprint: text(info?.system_fingerprint),
    maxModelLen: count(card?.max_model_len) ?? count(modelInfo?.max_model_len),
    vocabSize: count(modelInfo?.vocab_size),
  };
}

async function listModels(client: HttpClient, url: URL): Promise<JsonObject[]> {
  const answer = await client.get('/v1/models').catch((cause: NodeJS.ErrnoException) => {
    if (cause.name === 'AbortError' || cause.code === undefined) throw cause;
    throw new ServerError(`${name(url)}, which does not answer (${cause.code}), expected a server`, { cause });
  });
  const body = answer.body.toString('utf8');
  if (answer.status !== 200) {
    const { message } = refusalOf(answer.status, body);
    throw new ServerError(`${name(url)}, expected a server of OpenAI's API; at /v1/models ${message}`);
  }
  const list = tryJsonObject(body)?.data;
  if (!Array.isArray(list)) {
    throw new ServerError(`${name(url)}, whose /v1/models has no list, expected a server of OpenAI's API`);
  }
  return list.filter(isJsonObject);
}

/** Object that a path answers with; null where it does not. */
async function ask(client: HttpClient, path: string): Promise<JsonObject | null> {
  const { status, body } = await client.get(path);
  return status === 200 ? tryJsonObject(body.toString('utf8')) : null;
}

function name(url: URL): string {
  return `--url is ${quote(url.href)}`;
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function count(value: unknown): number | null {
  return Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : null;
}
