// The tables of all endpoints, for the document and the tests that are made from them.
import { chatParameters } from './chat.ts';
import { completionParameters } from './completions.ts';
import { embeddingParameters } from './embeddings.ts';
import { generateParameters } from './generate.ts';
import type { ParameterTable } from './parse.ts';
import { responseParameters } from './responses.ts';
import { type ParameterRow, parameterRows } from './row.ts';
import { detokenizeParameters, tokenizeParameters } from './tokenize.ts';

/** The table of each endpoint that takes parameters, by its path. */
export const ENDPOINT_TABLES = {
  '/v1/completions': completionParameters,
  '/v1/chat/completions': chatParameters,
  '/v1/responses': responseParameters,
  '/v1/embeddings': embeddingParameters,
  '/generate': generateParameters,
  '/tokenize': tokenizeParameters,
  '/detokenize': detokenizeParameters,
} as const satisfies Readonly<Record<string, ParameterTable>>;

/** Lists the rows of a table by the names of its parameters. */
export function rowsOf(table: ParameterTable): [name: string, row: ParameterRow][] {
  return Object.entries(table.shape).map(([name, schema]) => {
    const row = parameterRows.get(schema);
    if (row === undefined) throw new TypeError(`parameter ${name} has no row`);
    return [name, row];
  });
}
