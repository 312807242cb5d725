// `roseinfer serve`: loads a model and answers calls until a signal ends it.

import { fingerprintOf, hashModel } from '../models/fingerprint.ts';
import { shortName } from '../models/short-name.ts';
import { checkCanListen } from '../server/listen.ts';
import { createLog } from '../server/log.ts';
import { InferenceServer } from '../server/server.ts';
import { checkAccess } from '../server/server-options.ts';
import { modelName, openModel } from '../terminal/open-model.ts';
import { STOPPED } from '../terminal/run-command.ts';
import { StatusLine } from '../terminal/status-line.ts';
import { count } from '../util/count.ts';
import { defineCommand } from './command.ts';
import {
  readKeys,
  type ServeArgs,
  servedModelOptions,
  serveFlags,
  serverEngineOptions,
  serverOptions,
} from './serve-flags.ts';

/**
 * Serves a model. A signal lets the calls under way finish; a second one ends the process at once.
 *
 * @throws OpenServerError for an address that others reach, without a key; ListenError for one that is taken; what `loadModel` and `InferenceServer.start` throw.
 */
async function serve(args: ServeArgs, signal: AbortSignal): Promise<typeof STOPPED> {
  const options = serverOptions(args, await readKeys(args['api-key-file'], signal));
  checkAccess(options);
  // Before the model is loaded.
  await checkCanListen(options);
  using status = StatusLine.of(args);
  await using model = await openModel(args.model, {
    ...servedModelOptions(args),
    signal,
    status,
    log: (line) => status.say(line),
  });
  const { runner, tokenizer, chat, config, dtype, kvDtype, adapter } = model;
  const weights = await hashModel(args.model);
  const served = {
    name: args['served-model-name'] ?? shortName(modelName(args.model)),
    runner,
    tokenizer,
    chat,
    embeddingSize: config.hiddenSize,
    fingerprint: fingerprintOf({ weights, dtype, kvDtype, adapter, template: chat?.template.source }),
    facts: { dtype, kv_dtype: kvDtype, adapter: adapter.name, driver: adapter.driver, reduction: adapter.reduction },
  };
  const log = createLog(args['log-level']);
  await using server = await InferenceServer.start(served, { log, options, engine: serverEngineOptions(args) });
  status.say(`serving ${served.name} at ${server.url} · ${served.fingerprint}`);
  await new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    signal.addEventListener('abort', resolve, { once: true });
  });
  if (server.numChoices > 0)
    status.say(`finishing ${count(server.numChoices, 'completion')}; a second signal ends at once`);
  await server.close();
  return STOPPED;
}

/** The command `roseinfer serve`. */
export const serveCommand = defineCommand({
  flags: serveFlags,
  positions: { MODEL: 'model' },
  examples: [
    ['roseinfer serve weights/tales', 'the bundled model at http://127.0.0.1:8000/v1'],
    ['roseinfer serve FILE.gguf --port 9000 --served-model-name smol', 'a GGUF file under a name of its own'],
    ['roseinfer serve DIR --host 0.0.0.0 --api-key-file keys.txt', 'to others, who have to show a key'],
  ],
  run: serve,
});
