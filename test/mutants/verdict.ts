/** Verdict on a mutant: `invalid` ones do not compile and do not count. */
export interface Verdict {
  readonly state: 'killed' | 'survived' | 'invalid';
  /** First line of the failure, or '' for a survivor. */
  readonly reason: string;
}
