// Flags of bench/serve.ts.
import type { InferredOptionTypes } from 'yargs';
import { UsageError } from '../../src/terminal/flag-words.ts';
import { choiceFlag, integerFlag, nameFlag, numberFlag, switchFlag } from '../../src/terminal/flags.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import type { Script } from '../common/script.ts';
import { checkLoad, loadFlags } from '../load/load-flags.ts';
import { IDLE_REQUEST_FLAGS, requestFlags } from '../load/request-flags.ts';

/** Variable whose value is shown to servers that want a key. */
export const KEY_VARIABLE = 'ROSEINFER_API_KEY';

const EXPECTED_URL = 'the address of a server, such as http://127.0.0.1:8000';
/** Longest silence in seconds that a timer can hold. */
const MAX_SECONDS = 2_000_000;

/** Reads the address of a server; one that ends in `/v1`, as clients of OpenAI's API have it, is as good. */
function parseUrl(raw: unknown): URL {
  const url = typeof raw === 'string' ? URL.parse(raw) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new RangeValueError('--url', raw, EXPECTED_URL);
  }
  if (url.username !== '' || url.password !== '') {
    throw new UsageError(`--url has a name or a password, expected a key in ${KEY_VARIABLE} instead`);
  }
  url.pathname = url.pathname.replace(/\/(v1\/?)?$/, '');
  return url;
}

const flags = {
  url: {
    takes: 'word' as const,
    nargs: 1,
    coerce: parseUrl,
    default: 'http://127.0.0.1:8000',
    describe: `address of the server; a key for it comes from ${KEY_VARIABLE}`,
  },
  model: {
    ...nameFlag('model'),
    defaultDescription: 'the first that the server lists',
    describe: 'name of the model, as the server has it',
  },
  endpoint: {
    ...choiceFlag('endpoint', ['completions', 'chat']),
    default: 'completions' as const,
    describe: 'calls to send: /v1/completions, or /v1/chat/completions with the prompt as the message of a user',
  },
  ...requestFlags,
  'num-requests': { ...requestFlags['num-requests'], describe: 'requests, all at once without --request-rate' },
  seed: {
    ...requestFlags.seed,
    describe: 'of arrivals, lengths and draws; the beginnings of prompts are new in each run',
  },
  ...loadFlags,
  'prefix-cache': {
    ...switchFlag('prefix-cache'),
    describe: 'send prompts as they are, so that a prefix cache may know them, and accept that it does',
  },
  timeline: {
    ...switchFlag('timeline'),
    describe:
      "ask for each request's timeline, which roseinfer's server gives, and compare its times with the client's",
  },
  'vocab-size': {
    ...integerFlag('vocab-size', 1),
    defaultDescription: 'what the server says',
    describe: 'number of tokens from which those of --input-len are drawn',
  },
  warmup: {
    ...integerFlag('warmup', 0),
    default: 8,
    describe: 'short calls before the clock starts: one alone, then the others at once',
  },
  timeout: {
    ...numberFlag('timeout', `a number > 0, at most ${MAX_SECONDS}`, (value) => value > 0 && value <= MAX_SECONDS),
    default: 600,
    describe: 'seconds without a byte after which a call has failed',
  },
  json: { ...nameFlag('json'), describe: 'file to write the results to' },
};

/** Values of these flags by name. */
export type ServingArgs = InferredOptionTypes<typeof flags>;

/** Command line of bench/serve.ts. */
export const servingScript: Script<typeof flags> = {
  usage:
    "node bench/serve.ts [flags]\n\nSends requests over time to a server of OpenAI's API, whatever its engine, and stamps what comes back.",
  flags,
  check: (args) => {
    checkLoad(args);
    if (args.endpoint === 'chat' && args['input-len'] !== undefined) {
      throw new UsageError(
        '--input-len draws ids, which --endpoint chat does not take, expected --endpoint completions',
      );
    }
    if (args['shared-prefix'] !== undefined && !args['prefix-cache']) {
      throw new UsageError('--shared-prefix has no effect without --prefix-cache: every prompt begins anew');
    }
  },
  idle: IDLE_REQUEST_FLAGS,
};
