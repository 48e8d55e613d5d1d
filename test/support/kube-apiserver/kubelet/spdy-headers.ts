import { constants, inflateSync } from 'node:zlib';

const words = [
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow',
  'authorization cache-control connection content-base content-encoding content-language content-length',
  'content-location content-md5 content-range content-type date etag expect expires from host if-match',
  'if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma',
  'proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade',
  'user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie',
  'keep-alive origin',
];

const tail = [
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative ',
  'Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 ',
  'Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec ',
  '00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,',
  'application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=',
  'iso-8859-1,utf-,*,enq=0.',
];

function lengthPrefixed(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The dictionary that SPDY/3 (section 2.6.10.1) prescribes for its header blocks. */
const dictionary = Buffer.concat([
  ...words
    .join(' ')
    .split(' ')
    .map(word => lengthPrefixed(word.replace('_', ' '))),
  Buffer.from(tail.join('')),
]);

/** Header names in lower case; several values of one name are separate entries. */
export type SpdyHeaders = ReadonlyMap<string, readonly string[]>;

/** Reads the header blocks of one direction of a connection. They share one zlib stream, so their order matters. */
export class SpdyHeaderReader {
  #compressed = Buffer.alloc(0);
  #seen = 0;

  read(block: Buffer): SpdyHeaders {
    // zlib has no synchronous stream. Header blocks are few and small, so all earlier ones are inflated again for each.
    this.#compressed = Buffer.concat([this.#compressed, block]);
    const all = inflateSync(this.#compressed, { dictionary, finishFlush: constants.Z_SYNC_FLUSH });
    const plain = all.subarray(this.#seen);
    this.#seen = all.length;
    return parseBlock(plain);
  }
}

function parseBlock(plain: Buffer): SpdyHeaders {
  const headers = new Map<string, string[]>();
  let at = 4;
  const next = () => {
    const length = plain.readUInt32BE(at);
    const text = plain.toString('utf8', at + 4, at + 4 + length);
    at += 4 + length;
    return text;
  };
  for (let count = plain.readUInt32BE(0); count > 0; count -= 1) {
    const name = next().toLowerCase();
    headers.set(name, next().split('\0'));
  }
  return headers;
}

const emptyBlock = Buffer.from('000400fbff00000000000000ffff', 'hex');

/** Header blocks without fields: stored, flushed, and in one zlib stream, which begins with the first of a connection. */
export const emptyHeaderBlocks = {
  first: Buffer.concat([Buffer.from('7801', 'hex'), emptyBlock]),
  next: emptyBlock,
} as const;
