import type { Environment } from '@marcbachmann/cel-js';
import type { JsonObject } from '../lib/json.js';
import { toValue, type Value } from './values.js';
import { type FieldType, isListOfObjects, isObjectType, type ObjectType, type Variable } from './variable.js';

/** Makes a value of JSON that is neither missing nor null. */
type Convert = (json: unknown) => Value;

/** A type by its name in the library, and how its values are made. */
interface Type {
  readonly name: string;
  readonly convert: Convert;
}

/** The fields of a variable. Each is read when it is looked up, and what is wrong with it is an error then. */
class Fields extends Map<string, Value> {
  readonly #json: JsonObject;
  readonly #converters: ReadonlyMap<string, Convert>;

  constructor(json: JsonObject, converters: ReadonlyMap<string, Convert>) {
    super();
    this.#json = json;
    this.#converters = converters;
  }

  override get(name: string): Value | undefined {
    if (!this.has(name) && Object.hasOwn(this.#json, name)) {
      const json = this.#json[name];
      if (json === undefined) return undefined;
      this.set(name, (this.#converters.get(name) ?? toValue)(json));
    }
    return super.get(name);
  }
}

/** The values of one variable, as the library knows them: it finds the type of an object by its class. */
export class Input {
  readonly #name: string;
  readonly #Fields = class extends Fields {};
  readonly #converters: ReadonlyMap<string, Convert>;
  /** What the library is told of each type, the innermost ones first. */
  readonly #declared: [name: string, { ctor: MapConstructor; fields?: Record<string, string> }][] = [];

  constructor({ name, fields }: Variable) {
    this.#name = name;
    const types = Object.entries(fields ?? {}).map(
      ([field, type]) => [field, this.#typeOf(`${name}.${field}`, type)] as const,
    );
    this.#converters = new Map(types.map(([field, { convert }]) => [field, convert]));
    this.#declared.push([name, { ctor: this.#Fields as never, ...(fields && { fields: namesOf(types) }) }]);
  }

  /** The environment with the variable. */
  declare(environment: Environment): Environment {
    const declared = environment.clone();
    for (const [name, definition] of this.#declared) declared.registerType(name, definition);
    return declared.registerVariable(this.#name, this.#name);
  }

  /** What an expression is evaluated with. */
  of(json: JsonObject): Record<string, unknown> {
    return { [this.#name]: new this.#Fields(json, this.#converters) };
  }

  #typeOf(name: string, type: FieldType): Type {
    if (isListOfObjects(type)) {
      const item = this.#objectOf(name, type[0]);
      return { name: `list<${name}>`, convert: json => (json as unknown[]).map(item.convert) };
    }
    return isObjectType(type) ? this.#objectOf(name, type) : { name: type, convert: toValue };
  }

  #objectOf(name: string, type: ObjectType): Type {
    const types = Object.entries(type).map(
      ([field, inner]) => [field, this.#typeOf(`${name}.${field}`, inner)] as const,
    );
    const Fields = class extends Map<string, Value> {};
    this.#declared.push([name, { ctor: Fields as never, fields: namesOf(types) }]);
    return {
      name,
      convert(json) {
        const fields = new Fields();
        for (const [field, { convert }] of types) {
          const value = (json as JsonObject)[field];
          if (value !== undefined) fields.set(field, convert(value));
        }
        return fields;
      },
    };
  }
}

function namesOf(types: readonly (readonly [field: string, Type])[]): Record<string, string> {
  return Object.fromEntries(types.map(([field, { name }]) => [field, name]));
}
