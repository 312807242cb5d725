/** What became of a mutant: `invalid` ones do not compile and do not count. */
export interface Verdict {
  readonly state: 'killed' | 'survived' | 'invalid';
  /** First line of what told, or '' for a survivor. */
  readonly reason: string;
}
