// Rules of a grammar that is being made, as lists and objects need them.
import type { Expression } from './expression.ts';
import type { Conjunction } from './schema-facts.ts';

/** A rule that has a name and no expression yet. */
export interface Reserved {
  readonly expression: Expression;
  set(expression: Expression): void;
}

/** Maker of rules. */
export interface SchemaRules {
  /** Gives the expression of the values that fit some schemas at once. */
  valueOf(schemas: Conjunction): Expression;
  /** Adds a rule and gives the expression that names it. */
  add(expression: Expression): Expression;
  reserve(): Reserved;
}
