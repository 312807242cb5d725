// The way from the body of a call to its parameters: by the endpoint's table alone, with one line that names what is wrong.
import type { z } from 'zod';
import { nearestName } from '../../util/keys.ts';
import { clip, quote } from '../../util/quote.ts';
import { type ApiError, invalidParameter } from '../api-error.ts';
import { describeValue } from '../describe-value.ts';
import { type ParameterRow, parameterRows } from './row.ts';

/** A table of parameters. */
export type ParameterTable = z.ZodObject;

/**
 * Takes the parameters of a call, of which nulls were dropped.
 *
 * @throws ApiError for an unknown parameter, with the nearest known one, and for a value that its row refuses.
 */
export function parseParameters<T extends ParameterTable>(table: T, body: unknown): z.output<T> {
  // A value within a parameter may have no text of its own.
  const error = ({ path = [] }: { path?: readonly PropertyKey[] | undefined }) => rowOf(table, path[0])?.expected;
  const result = table.safeParse(body, { error });
  if (result.success) return result.data;
  throw refusal(result.error.issues[0]!, table, body);
}

function rowOf(table: ParameterTable, name: PropertyKey | undefined): ParameterRow | undefined {
  const schema = Object.entries(table.shape).find(([key]) => key === name)?.[1];
  return schema && parameterRows.get(schema);
}

function refusal(issue: z.core.$ZodIssue, table: ParameterTable, body: unknown): ApiError {
  const path = issue.path.filter((key) => typeof key !== 'symbol');
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    const nearest = path.length === 0 ? nearestName(key, Object.keys(table.shape)) : undefined;
    const hint = nearest === undefined ? '' : ` (did you mean ${quote(nearest)}?)`;
    const name = pathText([...path, /^\w+$/.test(key) ? clip(key) : quote(key)]);
    return invalidParameter(
      name,
      `${name} is unknown, expected parameters of this endpoint${hint}`,
      'unknown_parameter',
    );
  }
  const name = pathText(path);
  const found = valueAt(body, path);
  if (found === undefined)
    return invalidParameter(name, `${name} is missing, expected ${issue.message}`, 'missing_parameter');
  return invalidParameter(
    name,
    `${name} is ${describeValue(String(path.findLast((key) => typeof key === 'string') ?? ''), found)}, expected ${issue.message}`,
  );
}

/** Writes a path as a program would: `messages[0].content`. */
function pathText(path: readonly (string | number)[]): string {
  return path.map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index > 0 ? '.' : ''}${key}`)).join('');
}

function valueAt(body: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((value, key) => Reflect.get(Object(value), key), body);
}
