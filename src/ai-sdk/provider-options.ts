// Options of a provider: a model by its name, which the provider loads and closes, or one that is open and stays its owner's.
import type { Runner } from '../core/runner.ts';
import type { ChatFormat } from '../engine/chat.ts';
import { Engine } from '../engine/engine.ts';
import { LLM } from '../llm.ts';
import type { LoadOptions } from '../load.ts';
import type { LoadedModel } from '../load-model.ts';
import { BUNDLED_MODEL } from '../models/bundled-model.ts';
import { shortName } from '../models/short-name.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { RangeValueError } from '../util/errors.ts';
import { isRecord } from '../util/keys.ts';
import { type Check, type Checks, checkOptions, checkValue } from '../util/option-checks.ts';

/** Names under which a provider answers. */
export interface ProviderNames {
  /** Id by which the model is asked for; by default the last part of its name: `tales` for `weights/tales`. */
  readonly modelId?: string | undefined;
  /**
   * Reported with each answer: with the same one, a seed gives the same ids. By default a hash of the model's files, their storage, the adapter and
   * the versions, computed by the first call; null for an engine whose model does not say all of these.
   */
  readonly fingerprint?: string | undefined;
}

/** A model by its name: the first call loads it, and `close` of the provider frees it. */
export interface OfModel extends ProviderNames {
  /** As for `load`; by default the bundled model. */
  readonly model?: string | undefined;
  /** Options of `load`. */
  readonly load?: LoadOptions | undefined;
  readonly llm?: undefined;
  readonly engine?: undefined;
}

/** A model that `load` has opened; it stays the caller's. */
export interface OfLLM extends ProviderNames {
  readonly llm: LLM;
  readonly engine?: undefined;
  readonly model?: undefined;
  readonly load?: undefined;
}

/** An engine and the model that it runs on; both stay the caller's. */
export interface OfEngine extends ProviderNames {
  readonly engine: Engine;
  readonly model: EngineModel;
  readonly llm?: undefined;
  readonly load?: undefined;
}

/** The parts that an engine was made of, as `loadModel` gives them. */
export interface EngineModel extends Partial<Pick<LoadedModel, 'name' | 'dtype' | 'kvDtype' | 'adapter'>> {
  readonly runner: Pick<Runner, 'limits'> & Partial<Pick<Runner, 'eosIds'>>;
  readonly tokenizer: Tokenizer;
  /** Way to write chats; by roles where there is none. */
  readonly chat?: ChatFormat | undefined;
}

/** Options of `createRoseinfer`. */
export type RoseinferOptions = OfModel | OfLLM | OfEngine;

const nameCheck: Check = {
  expected: 'a text that is not empty',
  accepts: (value) => typeof value === 'string' && value !== '',
};
const engineModel: Check = {
  expected: 'the model that the engine runs on, with its runner and tokenizer',
  accepts: (value) =>
    isRecord(value) && isRecord(Reflect.get(value, 'runner')) && isRecord(Reflect.get(value, 'tokenizer')),
};
const anyModel: Check = {
  expected: 'the name of a model, or with engine the model that it runs on',
  accepts: (value) => nameCheck.accepts(value) || isRecord(value),
};

const CHECKS: Checks<OfModel> = {
  model: anyModel,
  load: { expected: 'an object', accepts: isRecord },
  llm: { expected: 'an LLM, as load gives it', accepts: (value) => value instanceof LLM },
  engine: { expected: 'an Engine', accepts: (value) => value instanceof Engine },
  modelId: nameCheck,
  fingerprint: nameCheck,
};

/** @throws RangeValueError for an option that is unknown, of another type, or does not go with the others. */
export function checkRoseinferOptions(options: RoseinferOptions): void {
  checkOptions('options of createRoseinfer', options, CHECKS);
  const { model, load, llm, engine } = options;
  if (llm !== undefined) checkAbsent({ engine, model, load }, 'llm');
  else if (engine !== undefined) {
    checkAbsent({ load }, 'engine');
    checkValue('model', model, engineModel);
  } else if (model !== undefined) checkValue('model', model, nameCheck);
  checkValue('modelId', idOf(options), { ...nameCheck, expected: 'a name, as the model has none' });
}

/** Returns the id of a provider's model; undefined where neither the options nor the model have a name. */
export function idOf({ modelId, llm, model = BUNDLED_MODEL }: RoseinferOptions): string | undefined {
  if (modelId !== undefined) return modelId;
  const name = llm !== undefined ? llm.model.name : typeof model === 'string' ? model : model.name;
  return name === undefined ? undefined : shortName(name);
}

function checkAbsent(options: Readonly<Record<string, unknown>>, beside: string): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) throw new RangeValueError(name, value, `nothing beside ${beside}`);
  }
}
