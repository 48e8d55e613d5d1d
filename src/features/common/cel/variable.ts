/** Why an expression cannot be used. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}

/** The one variable of an expression: a JSON object. */
export interface Variable {
  readonly name: string;
  /** The fields that it has, with their types; undefined if it may have any field, with any value. */
  readonly fields?: ObjectType;
}

/** The fields of an object, with their types. */
export interface ObjectType {
  readonly [field: string]: FieldType;
}

/** A type of CEL, an object, or a list of objects. */
export type FieldType =
  | 'string'
  | 'list<string>'
  | 'map<string, list<string>>'
  | ObjectType
  | readonly [ObjectType];

/** Whether a type is that of an object. */
export function isObjectType(type: FieldType | undefined): type is ObjectType {
  return typeof type === 'object' && !isListOfObjects(type);
}

/** Whether a type is that of a list of objects. */
export function isListOfObjects(type: FieldType | undefined): type is readonly [ObjectType] {
  return Array.isArray(type);
}
