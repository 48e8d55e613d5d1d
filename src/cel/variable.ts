/** The one variable of an expression: a JSON object. */
export interface Variable {
  readonly name: string;
  /** The fields that it has, with their types in CEL; undefined if it may have any field, with any value. */
  readonly fields?: Readonly<Record<string, 'string' | 'list<string>' | 'map<string, list<string>>'>>;
}
