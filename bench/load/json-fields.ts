// Fields of the object of a JSON line, each checked as it is read, so that a value has the type of its method.

import type { Figure } from '../../src/util/figures.ts';
import { isJsonObject } from '../../src/util/json.ts';
import { quote } from '../../src/util/quote.ts';
import type { JsonObject, LineFault } from './json-lines.ts';

/** Reads values of an object by type; a missing or wrong one is a fault of the line, which names the field. */
export class JsonFields {
  readonly #object: JsonObject;
  readonly #name: string;
  readonly #fault: LineFault;

  /** @param name prefixes the names of the fields, with a point: empty for the line's own object. */
  constructor(object: JsonObject, name: string, fault: LineFault) {
    this.#object = object;
    this.#name = name;
    this.#fault = fault;
  }

  /** Tells whether the field is present. */
  has(key: string): boolean {
    return this.#object[key] !== undefined;
  }

  /** Tells whether the field is null, and not missing. */
  isNull(key: string): boolean {
    return this.#object[key] === null;
  }

  number(key: string): number {
    const value = this.#object[key];
    if (isFiniteNumber(value)) return value;
    throw this.#refuse(key, 'a number');
  }

  /** Reads a number; null where the file has none. */
  figure(key: string): Figure {
    return this.#object[key] === null ? null : this.number(key);
  }

  integer(key: string, least: number): number {
    const value = this.number(key);
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw this.#refuse(key, `an integer ≥ ${least}`);
  }

  boolean(key: string): boolean {
    const value = this.#object[key];
    if (typeof value === 'boolean') return value;
    throw this.#refuse(key, 'true or false');
  }

  text(key: string): string {
    const value = this.#object[key];
    if (typeof value === 'string') return value;
    throw this.#refuse(key, 'text');
  }

  choice<T extends string>(key: string, choices: readonly T[]): T {
    const choice = choices.find((one) => one === this.#object[key]);
    if (choice !== undefined) return choice;
    throw this.#refuse(key, `one of ${choices.join(', ')}`);
  }

  object(key: string): JsonFields {
    const value = this.#object[key];
    if (isJsonObject(value)) return new JsonFields(value, this.#nameOf(key), this.#fault);
    throw this.#refuse(key, 'an object');
  }

  objects(key: string): JsonFields[] {
    return this.#list(key).map((value, index) => {
      const name = `${this.#nameOf(key)}[${index}]`;
      if (isJsonObject(value)) return new JsonFields(value, name, this.#fault);
      throw this.#fault(`${name} is ${quote(value)}, expected an object`);
    });
  }

  /** Reads an object by its keys. */
  entries(key: string): [name: string, JsonFields][] {
    const value = this.#object[key];
    if (!isJsonObject(value)) throw this.#refuse(key, 'an object');
    const fields = this.object(key);
    return Object.keys(value).map((name) => [name, fields.object(name)]);
  }

  numbers(key: string): number[] {
    return this.#each(key, isFiniteNumber, 'a number');
  }

  /** Reads a list of numbers, any of which may be null. */
  figures(key: string): Figure[] {
    return this.#each(key, (value): value is Figure => value === null || isFiniteNumber(value), 'a number or null');
  }

  /** Reads a list of lists of numbers. */
  numberLists(key: string): number[][] {
    return this.#each(key, isNumberList, 'a list of numbers');
  }

  integers(key: string, least: number): number[] {
    const isOne = (value: unknown): value is number =>
      isFiniteNumber(value) && Number.isSafeInteger(value) && value >= least;
    return this.#each(key, isOne, `an integer ≥ ${least}`);
  }

  texts(key: string): string[] {
    return this.#each(key, (value) => typeof value === 'string', 'text');
  }

  #each<T>(key: string, accepts: (value: unknown) => value is T, expected: string): T[] {
    return this.#list(key).map((value, index) => {
      if (accepts(value)) return value;
      throw this.#fault(`${this.#nameOf(key)}[${index}] is ${quote(value)}, expected ${expected}`);
    });
  }

  #list(key: string): readonly unknown[] {
    const value = this.#object[key];
    if (Array.isArray(value)) return value;
    throw this.#refuse(key, 'a list');
  }

  #nameOf(key: string): string {
    return this.#name === '' ? key : `${this.#name}.${key}`;
  }

  #refuse(key: string, expected: string) {
    const value = this.#object[key];
    return this.#fault(
      `${this.#nameOf(key)} is ${value === undefined ? 'missing' : quote(value)}, expected ${expected}`,
    );
  }
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isNumberList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isFiniteNumber);
}
