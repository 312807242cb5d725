// The flags of `roseinfer serve`, and the options that they become.
import type { InferredOptionTypes } from 'yargs';
import type { LoadModelOptions } from '../runtime/load-options.ts';
import { queuePolicyNames, schedulerNames } from '../scheduler/create-scheduler.ts';
import { Keys, keysOf } from '../server/access/keys.ts';
import { LOG_LEVELS } from '../server/log.ts';
import type { ServerEngineOptions } from '../server/server.ts';
import { SERVER_DEFAULTS, type ServerOptions } from '../server/server-options.ts';
import {
  chatTemplateFlag,
  choiceFlag,
  integerFlag,
  modelFlags,
  modelOptions,
  nameFlag,
  nameListFlag,
  numberFlag,
  quietFlag,
  sizeFlags,
  switchFlag,
  tuneFlag,
} from '../terminal/flags.ts';
import { InputFileError } from '../terminal/input-file.ts';
import { readTextFile } from '../terminal/read-text.ts';
import { variable } from '../util/environment.ts';
import { RangeValueError } from '../util/errors.ts';

const MAX_PORT = 65_535;
const MAX_QUEUE = 512;
/** A week: timers end at 24 days. */
const MAX_SECONDS = 604_800;
const KEY_VARIABLE = 'ROSEINFER_API_KEY';

const { model: modelFlag, ...storageFlags } = modelFlags;

/** The flags of `roseinfer serve`. */
export const serveFlags = {
  model: { ...modelFlag, describe: `the model, when no MODEL is given: ${modelFlag.describe}` },
  'served-model-name': {
    ...nameFlag('served-model-name'),
    describe: 'name of the model for callers; by default the last part of --model',
  },
  host: { ...nameFlag('host'), default: SERVER_DEFAULTS.host, describe: 'address to listen at' },
  port: {
    ...numberFlag(
      'port',
      `an integer from 0 to ${MAX_PORT}`,
      (port) => Number.isInteger(port) && port >= 0 && port <= MAX_PORT,
    ),
    default: SERVER_DEFAULTS.port,
    describe: 'port to listen at; 0 takes a free one',
  },
  'api-key-file': {
    ...nameFlag('api-key-file'),
    describe: `file of keys, one a line, of which callers have to show one; ${KEY_VARIABLE} may hold another`,
  },
  insecure: { ...switchFlag('insecure'), describe: 'serve others than this machine without a key' },
  'metrics-open': { ...switchFlag('metrics-open'), describe: '/metrics needs no key' },
  'allowed-hosts': {
    ...nameListFlag('allowed-hosts'),
    describe: 'names in a Host header besides the address and loopback',
  },
  cors: { ...nameListFlag('cors'), describe: 'origins of pages that may call, such as https://chat.example' },
  'max-body': { ...integerFlag('max-body', 1), default: SERVER_DEFAULTS.maxBody, describe: 'most bytes of a call' },
  'max-queue': {
    ...integerFlag('max-queue', 0),
    default: MAX_QUEUE,
    describe: 'most completions that may wait for a place in the batch; further calls are answered with 429',
  },
  'request-timeout': {
    ...secondsFlag('request-timeout', `a number > 0, at most ${MAX_SECONDS}`, (seconds) => seconds > 0),
    defaultDescription: 'none',
    describe: 'seconds that a call may take; it is answered with 504 then',
  },
  'drain-timeout': {
    ...secondsFlag('drain-timeout', `a number from 0 to ${MAX_SECONDS}`, (seconds) => seconds >= 0),
    default: SERVER_DEFAULTS.drainTimeout,
    describe: 'seconds that calls under way are given when the server ends',
  },
  'max-batch-size': sizeFlags['max-batch-size'],
  'max-batch-tokens': { ...integerFlag('max-batch-tokens', 1), describe: 'most tokens in a step' },
  'max-model-len': sizeFlags['max-model-len'],
  'num-blocks': sizeFlags['num-blocks'],
  scheduler: {
    ...choiceFlag('scheduler', schedulerNames),
    default: 'online' as const,
    describe: 'when a waiting request starts',
  },
  policy: {
    ...choiceFlag('policy', queuePolicyNames),
    default: 'fcfs' as const,
    describe: 'which waiting request is next',
  },
  'prefix-cache': {
    ...switchFlag('prefix-cache'),
    defaultDescription: 'true',
    describe: 'share the blocks of prompts that begin alike',
  },
  'max-step-ms': {
    ...numberFlag('max-step-ms', 'a number > 0', (value) => value > 0),
    describe: 'cut prompts into chunks so that a step takes about this time',
  },
  ...storageFlags,
  ...chatTemplateFlag,
  ...tuneFlag,
  ...quietFlag,
  'log-level': {
    ...choiceFlag('log-level', LOG_LEVELS),
    default: 'info' as const,
    describe: 'least level of lines in the log',
  },
  'log-texts': { ...switchFlag('log-texts'), describe: 'log prompts and outputs, which the log has not otherwise' },
};

function secondsFlag(name: string, expected: string, accepts: (seconds: number) => boolean) {
  return numberFlag(name, expected, (seconds) => accepts(seconds) && seconds <= MAX_SECONDS);
}

/** Values of the flags of `roseinfer serve`. */
export type ServeArgs = InferredOptionTypes<typeof serveFlags>;

/**
 * Reads the keys of callers, from the environment and from a file.
 *
 * @throws InputFileError for a file that can't be read, has no key, or one that no header can carry; RangeValueError for such a key in
 * the environment; the signal's reason.
 */
export async function readKeys(path: string | undefined, signal: AbortSignal): Promise<string[]> {
  const own = variable(KEY_VARIABLE);
  const keys = own === undefined ? [] : [own];
  checkKeys(keys, ({ value, expected }) => new RangeValueError(KEY_VARIABLE, value, expected));
  if (path === undefined) return keys;
  const file = { flag: '--api-key-file', path, expected: 'a file of keys, one a line' };
  const listed = keysOf(await readTextFile(file, signal));
  if (listed.length === 0) throw new InputFileError(file, `, which has no key, expected ${file.expected}`);
  checkKeys(listed, (error) => InputFileError.ofValue(file, error));
  return [...keys, ...listed];
}

function checkKeys(keys: readonly string[], toError: (error: RangeValueError) => Error): void {
  try {
    new Keys(keys);
  } catch (error) {
    throw error instanceof RangeValueError ? toError(error) : error;
  }
}

/** Makes the options of the server. */
export function serverOptions(args: ServeArgs, keys: readonly string[]) {
  return {
    host: args.host,
    port: args.port,
    keys,
    insecure: args.insecure ?? false,
    metricsOpen: args['metrics-open'] ?? false,
    allowedHosts: args['allowed-hosts'] ?? [],
    cors: args.cors ?? [],
    maxBody: args['max-body'],
    requestTimeout: args['request-timeout'] ?? null,
    drainTimeout: args['drain-timeout'],
    logTexts: args['log-texts'] ?? false,
  } satisfies Partial<ServerOptions>;
}

/** Makes the options of the engine. */
export function serverEngineOptions(args: ServeArgs) {
  return {
    scheduler: args.scheduler,
    queuePolicy: args.policy,
    prefixCache: args['prefix-cache'],
    maxStepMs: args['max-step-ms'],
    maxQueuedRequests: args['max-queue'],
  } satisfies ServerEngineOptions;
}

/** Makes the options of the model. */
export function servedModelOptions(args: ServeArgs) {
  return {
    ...modelOptions(args),
    chatTemplate: args['chat-template'],
    tune: args.tune,
    maxBatchSize: args['max-batch-size'],
    maxBatchTokens: args['max-batch-tokens'],
    maxModelLen: args['max-model-len'],
    numBlocks: args['num-blocks'],
    // Callers wait for this thread: with the lowest priority every other process of the machine would go before them.
    yieldToAdapter: false,
  } satisfies LoadModelOptions;
}
