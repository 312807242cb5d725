// A parameter of an endpoint: its check, and how the server treats it. The checks of calls, the table in docs/server.md and the tests
// of bad input are made from these rows.
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';

/**
 * Treatment of a parameter: it is `supported`; it has no effect and is taken at its `neutral` values only, which other programs add
 * by themselves; or it is `refused`.
 */
export type Treatment = 'supported' | 'neutral' | 'refused';

/** A row of an endpoint's table; its texts are Markdown. */
export interface ParameterRow {
  readonly treatment: Treatment;
  /** Values that are accepted, for the end of "expected …". */
  readonly expected: string;
  readonly meaning: string;
  /** Values that are accepted, for tests. */
  readonly examples: readonly unknown[];
}

/** The row of each schema of a parameter. */
export const parameterRows = z.registry<ParameterRow>();

/** Declares a parameter that is supported. */
export function supported<S extends z.ZodType>(schema: S, row: Omit<ParameterRow, 'treatment'>): z.ZodOptional<S> {
  const optional = schema.optional();
  parameterRows.add(optional, { ...row, treatment: 'supported' });
  return optional;
}

/** Declares a parameter that is supported and has to be there. */
export function required<S extends z.ZodType>(schema: S, row: Omit<ParameterRow, 'treatment'>): S {
  parameterRows.add(schema, { ...row, treatment: 'supported' });
  return schema;
}

/** Declares a parameter that is accepted at some values, without effect. */
export function neutral(values: readonly unknown[], meaning: string) {
  const expected = `${values.map((value) => JSON.stringify(value)).join(' or ')} or null`;
  const isNeutral = (value: unknown) => values.some((each) => isDeepStrictEqual(each, value));
  return unchecked(expected, isNeutral, { treatment: 'neutral', expected, meaning, examples: values });
}

/** Declares a parameter of which any value of a kind is accepted, without effect. */
export function ignored(schema: z.ZodType, row: Omit<ParameterRow, 'treatment'>) {
  return unchecked(row.expected, (value) => schema.safeParse(value).success, { ...row, treatment: 'neutral' });
}

/** Declares a parameter that is not supported: its name is known, so that the refusal can say so. */
export function refused(meaning: string) {
  const expected = 'null, as it is not supported';
  return unchecked(expected, () => false, { treatment: 'refused', expected, meaning, examples: [] });
}

function unchecked(expected: string, accepts: (value: unknown) => boolean, row: ParameterRow) {
  return z.custom<unknown>(accepts, { error: expected }).optional().register(parameterRows, row);
}
