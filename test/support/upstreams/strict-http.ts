/** A request as RFC 9112 parses it, one character per byte. */
export interface StrictRequest {
  /** Request line and header fields with their final empty line, as they came. */
  readonly head: string;
  readonly method: string;
  readonly target: string;
  readonly version: string;
  /** Name in lower case and value of each field, in order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** The values of a field, its name in any case. */
  values(name: string): string[];
  /** The content so far, without its transfer coding. */
  body: string;
  /** Whether the body is complete. */
  complete: boolean;
  /** Whether it asks for another protocol. All bytes after it belong to that protocol. */
  readonly upgrade: boolean;
}

const requestLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~\x80-\xff]+) HTTP\/(1\.[01])$/;
/** A request line that a server may accept: with the white space of RFC 9112, section 3, and with the protocols of Node's parser. */
const laxRequestLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) +([!-~\x80-\xff]+) +(?:HTTP|RTSP|ICE)\/(1\.[01])$/;
const field = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*$/;
const chunkSize = /^([0-9a-fA-F]{1,13})[ \t]*(;[\t -~\x80-\xff]*)?$/;

/** Options of the parser; all have defaults. */
export interface ReaderOptions {
  readonly onHead?: (request: StrictRequest) => void;
  readonly onComplete?: (request: StrictRequest) => void;
  /** Also accepts the deviations that a server may tolerate in and before a request line, and no others. */
  readonly lax?: boolean;
}

/** The parsed bytes: the requests in them, and why the rest is not a request. */
export class StrictReader {
  readonly requests: StrictRequest[] = [];
  /** Why the bytes after the last request cannot be read. */
  violation: string | undefined;
  readonly #options: ReaderOptions;
  #rest = '';
  #state: 'head' | 'length' | 'size' | 'chunk' | 'trailer' | 'opaque' = 'head';
  #left = 0;

  constructor(options: ReaderOptions = {}) {
    this.#options = options;
  }

  /** Reads more bytes. */
  push(bytes: string): void {
    this.#rest += bytes;
    while (this.violation === undefined && this.#step());
  }

  /** Parses the next part; false if there are not enough bytes for it. */
  #step(): boolean {
    switch (this.#state) {
      case 'head':
        return this.#head();
      case 'length':
      case 'chunk':
        return this.#content();
      case 'size':
        return this.#size();
      case 'trailer':
        return this.#trailer();
      default:
        return false;
    }
  }

  #head(): boolean {
    // RFC 9112, section 2.2: a server should ignore empty lines before a request.
    this.#rest = this.#rest.replace(this.#options.lax ? /^[\r\n]+/ : /^(\r\n)+/, '');
    const end = this.#rest.indexOf('\r\n\r\n');
    if (end === -1) return false;
    const head = this.#rest.slice(0, end + 4);
    const [first = '', ...lines] = head.slice(0, -4).split('\r\n');
    this.#rest = this.#rest.slice(end + 4);
    const start = (this.#options.lax ? laxRequestLine : requestLine).exec(first);
    if (start === null) return this.#stop(`request line ${JSON.stringify(first)}`);
    const fields: (readonly [string, string])[] = [];
    for (const line of lines) {
      const found = field.exec(line);
      if (found === null) return this.#stop(`field line ${JSON.stringify(line)}`);
      fields.push([(found[1] as string).toLowerCase(), found[2] as string]);
    }
    const [, method = '', target = '', version = ''] = start;
    const values = (name: string) =>
      fields.filter(([key]) => key === name.toLowerCase()).map(([, value]) => value);
    const tokens = values('connection').flatMap(value => value.toLowerCase().split(/[ \t,]+/));
    const upgrade = values('upgrade').length > 0 && tokens.includes('upgrade');
    const request: StrictRequest = {
      ...{ head, method, target, version, fields, values, upgrade },
      ...{ body: '', complete: false },
    };
    const framed = this.#frame(request);
    if (framed === undefined) return false;
    this.requests.push(request);
    this.#options.onHead?.(request);
    if (this.#state === 'head' || this.#state === 'opaque') this.#complete(request);
    return true;
  }

  #frame(request: StrictRequest): true | undefined {
    const lengths = request.values('content-length');
    const codings = request.values('transfer-encoding');
    const stop = (why: string): undefined => void this.#stop(why);
    if (lengths.length > 1) return stop('two lengths');
    if (codings.length > 0) {
      if (lengths.length > 0) return stop('a length and a transfer coding');
      if (codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked') return stop(`coding ${codings}`);
      if (request.version === '1.0') return stop('a transfer coding in HTTP/1.0');
      this.#state = 'size';
    } else if (lengths.length > 0) {
      if (!/^\d{1,15}$/.test(lengths[0] as string)) return stop(`length ${lengths[0]}`);
      this.#left = Number(lengths[0]);
      this.#state = this.#left > 0 ? 'length' : 'head';
    }
    if (request.upgrade) {
      if (this.#state !== 'head') return stop('an upgrade with a body');
      this.#state = 'opaque';
    }
    return true;
  }

  #content(): boolean {
    const request = this.requests.at(-1) as StrictRequest;
    const taken = this.#rest.slice(0, this.#left);
    this.#rest = this.#rest.slice(taken.length);
    request.body += taken;
    this.#left -= taken.length;
    if (this.#left > 0) return false;
    if (this.#state === 'length') return this.#complete(request);
    if (this.#rest.length < 2) return false;
    if (!this.#rest.startsWith('\r\n')) return this.#stop('a chunk longer than its size');
    this.#rest = this.#rest.slice(2);
    this.#state = 'size';
    return true;
  }

  #size(): boolean {
    const line = this.#line();
    if (line === undefined) return false;
    const found = chunkSize.exec(line);
    if (found === null) return this.#stop(`chunk size ${JSON.stringify(line)}`);
    this.#left = Number.parseInt(found[1] as string, 16);
    this.#state = this.#left === 0 ? 'trailer' : 'chunk';
    return true;
  }

  #trailer(): boolean {
    const line = this.#line();
    if (line === undefined) return false;
    if (line === '') return this.#complete(this.requests.at(-1) as StrictRequest);
    return field.test(line) || this.#stop(`trailer ${JSON.stringify(line)}`);
  }

  #line(): string | undefined {
    const end = this.#rest.indexOf('\r\n');
    if (end === -1) return undefined;
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 2);
    return line;
  }

  #complete(request: StrictRequest): true {
    request.complete = true;
    if (this.#state !== 'opaque') this.#state = 'head';
    this.#options.onComplete?.(request);
    return true;
  }

  #stop(why: string): false {
    this.violation = why;
    return false;
  }
}
