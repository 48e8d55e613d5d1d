import { gzipSync } from 'node:zlib';
import type { Random } from '../../../support/random.js';

/** An answer of a webhook. */
export interface GeneratedAnswer {
  readonly status: number;
  /** Name, value, name, value, …. */
  readonly headers: readonly string[];
  readonly body: string | Buffer;
  /** Whether the gateway may deny it for its form alone. */
  readonly isOdd?: boolean;
}

const group = 'authorization.k8s.io';

/** Texts of JSON, of which the first ones are the usual ones. */
const values = {
  kind: ['"SubjectAccessReview"', 'null', '""', '"Pod"', '"Status"', '5'],
  apiVersion: [
    `"${group}/v1"`,
    'null',
    '""',
    `"${group}/v1beta1"`,
    '"v1"',
    '"a/b/c"',
    '[]',
    `"${group}/"`,
    '"/"',
  ],
  metadata: [
    '{}',
    'null',
    '{"name":"a"}',
    '{"creationTimestamp":null}',
    '{"labels":{"a":"b"}}',
    '{"name":1}',
    '[]',
    '{"generation":1}',
  ],
  spec: [
    '{}',
    'null',
    '{"user":"a","groups":["b"]}',
    '{"user":1}',
    '"x"',
    '{"extra":{"a":["b"]}}',
    '{"extra":{"a":"b"}}',
    '{"resourceAttributes":{"verb":null,"Verb":"a"}}',
  ],
  allowed: ['false', 'true', 'null', '"true"', '1', '{}'],
  denied: ['true', 'false', 'null', '"true"', '0', '[]'],
  reason: ['"no"', '""', 'null', '"\\u0000\\ud800\\n"', '1', '{"a":1}'],
  evaluationError: ['""', '"e"', 'null', '[]'],
} as const;

type Name = keyof typeof values;

/** An answer that is usual in most of its parts, and odd in some. */
export function generateAnswer(random: Random): GeneratedAnswer {
  const form = new Form(random);
  const status = form.object(['allowed', 'denied', 'reason', 'evaluationError']);
  const whole = random.chance(0.04) ? random.pick(['null', '[]', '"x"', 'true']) : status;
  const text = form.object(['apiVersion', 'kind', 'metadata', 'spec'], ['status', whole]);
  const contentType =
    form.odd(0.05, ['application/json; charset', 'a/b; x=1; x=2', '/', ';']) ??
    random.pick(['application/json', 'application/json; charset=utf-8', 'text/plain', 'text/html;']);
  const headers = random.chance(0.1) ? [] : ['Content-Type', contentType];
  const isCompressed = form.odd(0.02, [true]) ?? false;
  const written = form.written(text);
  return {
    status: random.chance(0.05) ? random.pick([201, 202, 204, 206, 207, 400, 404, 409]) : 200,
    headers: isCompressed ? [...headers, 'Content-Encoding', 'gzip'] : headers,
    body: isCompressed ? gzipSync(written) : written,
    isOdd: form.isOdd,
  };
}

/** Writes JSON, and remembers whether it is odd. */
class Form {
  readonly #random: Random;
  isOdd = false;

  constructor(random: Random) {
    this.#random = random;
  }

  /** One of these with this probability; then the answer is odd. */
  odd<T>(probability: number, choices: readonly T[]): T | undefined {
    if (!this.#random.chance(probability)) return undefined;
    this.isOdd = true;
    return this.#random.pick(choices);
  }

  object(names: readonly Name[], ...more: readonly (readonly [name: string, value: string])[]): string {
    const random = this.#random;
    const members = [
      ...names.filter(() => random.chance(0.75)).map(name => [name, this.#value(name)] as const),
      ...more.filter(() => random.chance(0.98)),
    ].map(([name, value]) => [this.#spelled(name), value] as const);
    if (random.chance(0.05))
      members.push(['other', random.pick(['{"a":[1e400,-0,{}]}', '"\\ud800"', 'null'])]);
    const [first] = members;
    if (first !== undefined && random.chance(0.04)) {
      this.isOdd = true;
      members.push([first[0], random.pick(['null', '{}', 'true', 'false', '""', first[1]])]);
    }
    // In any order.
    members.sort(() => (random.chance(0.5) ? 1 : -1));
    return `{${members.map(([name, value]) => `"${name}"${this.#space()}:${value}`).join(`,${this.#space()}`)}}`;
  }

  #value(name: Name): string {
    const [usual, ...others] = values[name];
    const value = this.#random.chance(0.75) ? usual : this.#random.pick(others);
    // These have more than one reading, or members that a review has no use for.
    if (/\/"$|^"\/|generation|Verb/.test(value)) this.isOdd = true;
    return value;
  }

  /** A name in its own letters, escaped, or in another case. */
  #spelled(name: string): string {
    const [first = ''] = name;
    if (this.#random.chance(0.05))
      return `\\u${first.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(1)}`;
    const others = [
      first.toUpperCase() + name.slice(1),
      name.toUpperCase(),
      name.replace('k', '\u212a').replace('s', '\u017f'),
    ];
    return (
      this.odd(
        0.02,
        others.filter(other => other !== name),
      ) ?? name
    );
  }

  #space(): string {
    return this.#random.chance(0.1) ? this.#random.pick([' ', '\n', '\t\r\n']) : '';
  }

  /** The text as a body. */
  written(text: string): string | Buffer {
    const yaml = text.replace(/"(\w+)"(\s*):/g, '$1: ');
    const odd = [
      `\ufeff${text}`,
      `---\n${text}`,
      `${text},`,
      text.slice(1),
      `${text}{}`,
      yaml,
      `# x\n${text}`,
      `\u00a0${text}`,
    ];
    if (this.#random.chance(0.02)) return '';
    return this.odd(0.08, odd) ?? text;
  }
}
