import type { IncomingMessage } from 'node:http';
import { copyOf } from '../lib/copy-of.js';
import { type RawHeaders, withLine } from './header-fields.js';

/** The parts of a message that say what is asked for. */
export type RequestMessage = Pick<IncomingMessage, 'method' | 'rawHeaders'> & {
  /** True for a request that came as an `upgrade` event; Node's parser sets it. */
  readonly upgrade?: boolean;
  /** Undefined for an operation that nobody has sent. */
  readonly httpVersion?: string;
};

/**
 * Upgrades to HTTP/2. HTTP/2 on the same connection would carry requests past every guard. RFC 9113 has withdrawn this upgrade, and a
 * server may always ignore a request for an upgrade (RFC 9110, section 7.8).
 */
const http2 = /(^|[\s,])h2c?($|[\s,/])/i;

const page = /text\/html/i;

/** A URL with a path, and its origin. No browser sends one as Origin, but Headlamp's multiplexer does. A list of two URLs is none. */
const urlWithPath = /^([a-z][a-z0-9+.-]*:\/\/[^\s/\\?#@,]+)\/[^\s,]*$/i;

/** The most characters of Cookie over HTTP/2, where a cookie may cost one byte (RFC 9113, section 8.2.3): what Node takes as a whole head. */
const mostCookies = 16 * 1024;

/**
 * What this program itself reads of a request, read once. All guards read it from the list that goes upstream: Node's `headers` omits
 * fields beyond a limit and drops repeated ones. A field is undefined if the request has none; lines of the same name are one list (RFC
 * 9110, section 5.2). What it reads is kept as long as the request, so no value grows: see `withLine`.
 */
export class RequestHead {
  readonly method: string;
  readonly rawHeaders: RawHeaders;
  /** Whether the request came as an `upgrade` event. */
  readonly isUpgrade: boolean;
  /** Whether it asks for an upgrade to a protocol that the proxy allows. */
  readonly asksForUpgrade: boolean;
  /** Whether it announces a body (RFC 9112, section 6). `Content-Length: 0` means no body. */
  readonly hasBody: boolean;
  readonly host: string | undefined;
  /** The number of Host fields. */
  readonly hosts: number = 0;
  /** Without a path. */
  readonly origin: string | undefined;
  readonly referer: string | undefined;
  readonly fetchSite: string | undefined;
  readonly fetchMode: string | undefined;
  readonly fetchDest: string | undefined;
  /** Whether a browser loads something that its user may never see. Older browsers call the field `Purpose`. */
  readonly isPrefetch: boolean = false;
  /**
   * Whether a browser may have sent the request. Browsers send `Sec-Fetch-*` to https and loopback alone; to other hosts they show what they
   * are by `Origin`, or by asking for a page.
   */
  readonly mayBeBrowser: boolean;
  readonly authorization: string | undefined;
  readonly hasCookie: boolean = false;
  /** The protocol of `Upgrade`; empty if there is none. */
  readonly upgradeProtocol: string;
  readonly webSocketProtocols: string | undefined;
  readonly contentLength: string | undefined;
  readonly transferEncoding: string | undefined;
  /** At most 128 characters. */
  readonly requestId: string | undefined;
  /** At most 128 characters. */
  readonly traceparent: string | undefined;
  /** A field, in lower case, whose lines are too long together to be kept; its value is not whole then. Undefined if there is none. */
  tooLong: string | undefined;

  constructor({ method, rawHeaders, upgrade, httpVersion }: RequestMessage) {
    this.method = method as string;
    this.rawHeaders = rawHeaders;
    this.isUpgrade = upgrade === true;
    let protocol: string | undefined;
    let mayBeBrowser = false;
    for (let index = 0; index < rawHeaders.length; index += 2) {
      const key = (rawHeaders[index] as string).toLowerCase();
      const value = rawHeaders[index + 1] as string;
      if (key.startsWith('sec-fetch-')) mayBeBrowser = true;
      switch (key) {
        case 'accept':
          if (page.test(value)) mayBeBrowser = true;
          break;
        case 'host':
          this.host = list(this, key, this.host, value);
          this.hosts += 1;
          break;
        case 'origin':
          this.origin = list(this, key, this.origin, value);
          break;
        case 'referer':
          this.referer = list(this, key, this.referer, value);
          break;
        case 'sec-fetch-site':
          this.fetchSite = list(this, key, this.fetchSite, value);
          break;
        case 'sec-fetch-mode':
          this.fetchMode = list(this, key, this.fetchMode, value);
          break;
        case 'sec-fetch-dest':
          this.fetchDest = list(this, key, this.fetchDest, value);
          break;
        case 'sec-purpose':
        case 'purpose':
          this.isPrefetch = true;
          break;
        case 'authorization':
          this.authorization = list(this, key, this.authorization, value);
          break;
        case 'cookie':
          this.hasCookie = true;
          if (httpVersion === '2.0' && value.length > mostCookies) this.tooLong = key;
          break;
        case 'upgrade':
          protocol = list(this, key, protocol, value);
          break;
        case 'sec-websocket-protocol':
          // May have a long token. Only upgrades read it, and over HTTP/1.1 nothing grows.
          this.webSocketProtocols = withLine(this.webSocketProtocols, value, Infinity);
          break;
        case 'content-length':
          this.contentLength = list(this, key, this.contentLength, value);
          break;
        case 'transfer-encoding':
          this.transferEncoding = list(this, key, this.transferEncoding, value);
          break;
        case 'x-request-id':
          this.requestId = recorded(this.requestId, value);
          break;
        case 'traceparent':
          this.traceparent = recorded(this.traceparent, value);
          break;
      }
    }
    if (this.origin !== undefined) this.origin = this.origin.replace(urlWithPath, '$1');
    this.mayBeBrowser = mayBeBrowser || this.origin !== undefined;
    this.upgradeProtocol = protocol ?? '';
    // A server has to ignore Upgrade in an HTTP/1.0 request (RFC 9110, section 7.8).
    this.asksForUpgrade = this.isUpgrade && httpVersion !== '1.0' && !http2.test(this.upgradeProtocol);
    this.hasBody =
      this.transferEncoding !== undefined || (this.contentLength !== undefined && this.contentLength !== '0');
  }
}

/** A value with one more of its lines. */
function list(head: Pick<RequestHead, 'tooLong'>, key: string, before: string | undefined, line: string) {
  const value = withLine(before, line);
  if (value === before) head.tooLong = key;
  return value;
}

const mostRecorded = 128;

/** The same for a value that is only written down. */
function recorded(before: string | undefined, line: string): string {
  return before?.length === mostRecorded ? before : copyOf(withLine(before, line), mostRecorded);
}
