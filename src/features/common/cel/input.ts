import type { Environment } from '@marcbachmann/cel-js';
import type { JsonObject } from '../../../lib/json.js';
import { toValue, type Value } from './values.js';
import { type FieldType, isListOfObjects, isObjectType, type ObjectType, type Variable } from './variable.js';

/** Makes a value of JSON that is neither missing nor null. */
type Convert = (json: unknown) => Value;

/** A type by its name in the library, and how its values are made. */
interface Type {
  readonly name: string;
  readonly convert: Convert;
}

/** The fields of an object. Each is read when it is looked up, and what is wrong with it is an error then. */
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
  readonly #convert: Convert;
  /** What the library is told of each type, the innermost ones first. */
  readonly #declared: [name: string, { ctor: MapConstructor; fields?: Record<string, string> }][] = [];

  constructor({ name, fields }: Variable) {
    this.#name = name;
    this.#convert = this.#objectOf(name, fields).convert;
  }

  /** The environment with the variable. */
  declare(environment: Environment): Environment {
    const declared = environment.clone();
    for (const [name, definition] of this.#declared) declared.registerType(name, definition);
    return declared.registerVariable(this.#name, this.#name);
  }

  /** What an expression is evaluated with. */
  of(json: JsonObject): Record<string, unknown> {
    return { [this.#name]: this.#convert(json) };
  }

  #typeOf(name: string, type: FieldType): Type {
    if (isListOfObjects(type)) {
      const item = this.#objectOf(name, type[0]);
      return { name: `list<${name}>`, convert: json => (json as unknown[]).map(item.convert) };
    }
    return isObjectType(type) ? this.#objectOf(name, type) : { name: type, convert: toValue };
  }

  /** The type of an object, which is never used as a whole. Without fields it may have any. */
  #objectOf(name: string, fields: ObjectType | undefined): Type {
    const types = Object.entries(fields ?? {}).map(
      ([field, type]) => [field, this.#typeOf(`${name}.${field}`, type)] as const,
    );
    const converters = new Map(types.map(([field, { convert }]) => [field, convert]));
    const OwnFields = class extends Fields {};
    const names = Object.fromEntries(types.map(([field, type]) => [field, type.name]));
    this.#declared.push([name, { ctor: OwnFields as never, ...(fields && { fields: names }) }]);
    return { name, convert: json => new OwnFields(json as JsonObject, converters) };
  }
}
