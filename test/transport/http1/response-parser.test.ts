import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { maxFields } from '../../../src/http/header-fields.js';
import { ResponseError } from '../../../src/transport/http1/header-lines.js';
import { ResponseParser } from '../../../src/transport/http1/response-parser.js';
import { assertLinear } from '../../support/growth.js';
import {
  allCuts,
  cut,
  type Reading,
  type ReadOptions,
  readAnswers,
} from '../../support/transport/answer-reader.js';

const crlf = '\r\n';

/** Parses the text in one piece, in two pieces with every possible split, and byte by byte. The results must be equal. */
function readEveryWay(text: string, options?: ReadOptions): Reading {
  const bytes = Buffer.from(text, 'latin1');
  const expected = readAnswers([bytes], options);
  for (const pieces of allCuts(bytes)) {
    const lengths = pieces.map(piece => piece.length).slice(0, 2);
    assert.deepEqual(readAnswers(pieces, options), expected, `cut at ${lengths} of ${JSON.stringify(text)}`);
  }
  return expected;
}

/** Asserts that an answer is read as a whole, however it is split, and that the connection can be used again. */
function assertWhole(
  text: string,
  expected: Partial<Reading['answers'][number]>,
  options: ReadOptions & { readonly persistent?: boolean } = {},
): void {
  const { persistent = true, ...rest } = options;
  const reading = readEveryWay(text, rest);
  assert.equal(reading.error, undefined, JSON.stringify(text));
  assert.equal(reading.answers.length, 1);
  const whole = { status: 200, message: 'OK', body: '', isWhole: true, ...expected };
  const { headers, ...answer } = reading.answers[0] as Reading['answers'][number];
  assert.deepEqual(expected.headers === undefined ? answer : { ...answer, headers }, whole);
  assert.equal(reading.persistent, persistent, JSON.stringify(text));
}

/** Asserts that an answer is rejected, however it is split, at its last byte at the latest, while the connection is open. */
function assertRefused(text: string, code: ResponseError['code'] = 'MALFORMED_RESPONSE'): void {
  const { error, persistent } = readEveryWay(text);
  assert.equal(error, code, JSON.stringify(text));
  assert.equal(persistent, false);
}

function answer(fields: readonly string[], body = '', status = 'HTTP/1.1 200 OK'): string {
  return [status, ...fields, '', body].join(crlf);
}

function chunked(body: string, fields: readonly string[] = []): string {
  return answer(['Transfer-Encoding: chunked', ...fields], body);
}

const utf8 = (text: string): string => Buffer.from(text).toString('latin1');

describe('an answer with a Content-Length', () => {
  it('has that many bytes of body, even none', () => {
    assertWhole(answer(['Content-Length: 5'], 'hello'), { headers: ['Content-Length', '5'], body: 'hello' });
    assertWhole(answer(['content-length:05 \t'], 'he\r\n\0'), { body: 'he\r\n\0' });
    assertWhole(answer(['Content-Length: 0']), {});
  });

  it('is passed on as the bytes that came, without a copy', () => {
    const chunks: Buffer[] = [];
    const parser = new ResponseParser();
    const events = {
      onHead() {},
      onSwitch() {},
      onBody: (chunk: Buffer) => void chunks.push(chunk),
      onEnd() {},
    };
    parser.expect(events, { withoutBody: false });
    const pieces = [answer(['Content-Length: 8'], 'he'), 'llo', '!!!'].map(text => Buffer.from(text));
    for (const piece of pieces) parser.push(piece);
    assert.deepEqual(chunks.map(String), ['he', 'llo', '!!!']);
    assert.equal(chunks[0]?.buffer, pieces[0]?.buffer);
    for (const at of [1, 2]) assert.equal(chunks[at], pieces[at]);
  });

  it('may have up to 999999999999999 bytes, and is cut if the connection ends before', () => {
    const text = answer(['Content-Length: 999999999999999'], 'hello');
    for (const [ends, whole] of [
      [false, undefined],
      [true, false],
    ] as const) {
      const { answers, ...rest } = readEveryWay(text, { ends });
      assert.deepEqual([answers[0]?.body, answers[0]?.isWhole], ['hello', false]);
      assert.deepEqual([rest.error, rest.whole], [undefined, whole]);
    }
  });
});

describe('an answer in chunks', () => {
  it('has the bytes of its chunks, in any case of its coding, whose extensions are ignored', () => {
    assertWhole(chunked('5\r\nhello\r\n1\r\n \r\n00006\r\nwor\r\nd\r\n0\r\n\r\n'), {
      body: 'hello wor\r\nd',
    });
    assertWhole(chunked('a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n'), { body: '01234567890123456789' });
    assertWhole(answer(['tRANSFER-eNCODING:\tChunked '], '0\r\n\r\n'), {});
    assertWhole(chunked('0000000000000\r\n\r\n'), {});
    assertWhole(chunked('5;a\r\nhello\r\n1;b=c;d="e;\t f"\r\n!\r\n0;last=1\r\n\r\n'), { body: 'hello!' });
  });

  it('may have trailers, which are dropped', () => {
    const fields = ['Grpc-Status: 0', 'x:', 'Y: \xe9 ', 'X-Trailer: a', 'Trailers: b'];
    const text = chunked(`2\r\nhi\r\n0\r\n${fields.join(crlf)}\r\n\r\n`, ['Trailer: Grpc-Status']);
    assertWhole(text, { headers: ['Transfer-Encoding', 'chunked', 'Trailer', 'Grpc-Status'], body: 'hi' });
  });

  it('is cut if the connection ends before its last line', () => {
    const text = chunked('2\r\nhi\r\n0\r\nA: b\r\n\r\n');
    for (let length = 1; length < text.length; length++) {
      const { whole, error, answers } = readAnswers([Buffer.from(text.slice(0, length))], { ends: true });
      assert.deepEqual([whole, error], [false, undefined]);
      assert.notEqual(answers[0]?.isWhole, true);
    }
  });
});

it('an answer without a length ends with the connection, which is not used again, and is not whole before that', () => {
  for (const fields of [[], ['Connection: close'], ['Connection: keep-alive']]) {
    const text = answer(fields, 'hello\r\n\r\nHTTP/1.1 200 OK\r\n\r\n');
    const { answers, whole, persistent } = readEveryWay(text, { ends: true });
    assert.equal(answers.length, 1);
    assert.equal(answers[0]?.body, 'hello\r\n\r\nHTTP/1.1 200 OK\r\n\r\n');
    assert.deepEqual([answers[0]?.isWhole, whole, persistent], [true, true, false]);
  }
  assert.equal(readEveryWay(answer([], 'hello')).answers[0]?.isWhole, false);
});

it('an answer ends with its head if it answers a HEAD, or is a 204 or a 304, which may not have bytes after them', () => {
  for (const fields of [[], ['Content-Length: 5'], ['Transfer-Encoding: chunked']]) {
    assertWhole(answer(fields), {}, { methods: ['HEAD'] });
    for (const status of [204, 304]) {
      const text = answer(fields, '', `HTTP/1.1 ${status} So`);
      assertWhole(text, { status, message: 'So' });
      const { answers, error } = readEveryWay(`${text}hello`);
      assert.deepEqual([answers.length, error], [1, 'MALFORMED_RESPONSE']);
    }
  }
});

it('an informational answer is skipped, however many there are, and is not an answer without a final one', () => {
  const before = [
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 7\r\nConnection: close\r\n\r\n',
    'HTTP/1.1 199 \r\nTransfer-Encoding: gzip\r\n\r\n',
  ];
  assertWhole(`${before.join('')}${answer(['Content-Length: 2'], 'hi')}`, { body: 'hi' });
  const { answers, whole } = readEveryWay(before.join(''), { ends: true });
  assert.deepEqual([answers, whole], [[], false]);
});

it('the status line of an answer may have any code from 200 to 999, with or without a reason', () => {
  for (const [line, status, message] of [
    ['200 OK', 200, 'OK'],
    ['200 ', 200, ''],
    ['200', 200, ''],
    ['200  OK ', 200, ' OK '],
    ['422 Unprocessable\tEntity', 422, 'Unprocessable\tEntity'],
    ['599 \xc3\xa9\x80\xff', 599, '\xc3\xa9\x80\xff'],
    ['999 status code 999', 999, 'status code 999'],
  ] as const) {
    assertWhole(answer(['Content-Length: 0'], '', `HTTP/1.1 ${line}`), { status, message });
  }
  assert.equal(readEveryWay('HTTP/1.').error, undefined);
});

it('an HTTP/1.0 answer is the last one of its connection, whatever its headers are, and rejected with a Transfer-Encoding, which HTTP/1.0 does not have', () => {
  const status = 'HTTP/1.0 200 OK';
  for (const fields of [['Content-Length: 2'], ['Content-Length: 2', 'Connection: keep-alive']]) {
    assertWhole(answer(fields, 'hi', status), { body: 'hi' }, { persistent: false });
  }
  const { answers, whole } = readEveryWay(answer([], 'hi', status), { ends: true });
  assert.deepEqual([answers[0]?.body, whole], ['hi', true]);
  assertRefused(answer(['Transfer-Encoding: chunked'], '0\r\n\r\n', 'HTTP/1.0 200 OK'));
});

it('the field Connection closes the connection after the answer if it is close, in any spelling, but not in trailers', () => {
  for (const field of [
    ...['Connection: close', 'connection:CLOSE', 'Connection: keep-alive, close'],
    ...['Connection: close,X-Other', 'Connection: x ,\tClose\t, y'],
    'Connection: keep-alive\r\nConnection: close',
    'Connection: close\r\nConnection: keep-alive',
  ]) {
    assertWhole(answer([field, 'Content-Length: 2'], 'hi'), { body: 'hi' }, { persistent: false });
    assertWhole(chunked('2\r\nhi\r\n0\r\n\r\n', [field]), { body: 'hi' }, { persistent: false });
  }
  for (const value of ['', 'keep-alive', 'Keep-Alive', 'closed', 'x-close', 'close-x', 'Upgrade', ',']) {
    assertWhole(answer([`Connection: ${value}`, 'Content-Length: 2'], 'hi'), { body: 'hi' });
  }
  assertWhole(chunked('0\r\nConnection: close\r\n\r\n'), {});
});

it('header fields keep their order and spelling, without the white space around their values', () => {
  const fields = [
    ...['Content-Length: 0', 'x-UPPER:one', 'x-upper:  two \t ', 'X-Empty:', 'X-Space:  '],
    ...['X-Colon: a: b', 'X-Inner: a  b\tc', 'X-Bytes: \xc3\xa9\xff\x80'],
    ...["!#$%&'*+-.^_`|~09azAZ: odd", '__proto__: x'],
  ];
  assertWhole(answer(fields), {
    headers: [
      ...['Content-Length', '0', 'x-UPPER', 'one', 'x-upper', 'two', 'X-Empty', '', 'X-Space', ''],
      ...['X-Colon', 'a: b', 'X-Inner', 'a  b\tc', 'X-Bytes', '\xc3\xa9\xff\x80'],
      ...["!#$%&'*+-.^_`|~09azAZ", 'odd', '__proto__', 'x'],
    ],
  });
});

/** Texts that are rejected, at their last byte at the latest. */
const refused: Record<string, readonly string[]> = {
  'a malformed status line': [
    ...['HTTP/1.1 099 Low', 'HTTP/1.1 1000 Long', 'HTTP/1.1 20 Short', 'HTTP/1.1 2x0 OK'],
    ...['HTTP/1.1 +200 OK', 'HTTP/1.1 200OK', 'HTTP/1.1\t200 OK', 'HTTP/1.1  200 OK'],
    ...['HTTP/1.1 200\tOK', 'HTTP/1.1 -20 OK', 'HTTP/1.1', 'HTTP/1.1 ', 'HTTP/1.2 200 OK'],
    ...['HTTP/2.0 200 OK', 'HTTP/0.9 200 OK', 'HTTP/11 200 OK', 'HTTP/1.11 200 OK'],
    ...['HTTP/01.1 200 OK', 'http/1.1 200 OK', ' HTTP/1.1 200 OK', 'HTTPS/1.1 200 OK'],
    ...['GET / HTTP/1.1', '', '\r\nHTTP/1.1 200 OK', '\xef\xbb\xbfHTTP/1.1 200 OK'],
  ].map(line => answer(['Content-Length: 0'], '', line)),
  'another protocol, whose server then waits': [
    ...['SSH-2.0-OpenSSH_9.6\r\n', '\x15\x03\x01\x00\x02\x02F', '220 smtp ESMTP\r\n', '{', '\n'],
    ...['\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64', 'HTTP/2', 'HTTQ'],
  ],
  'a switch of protocols': [
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 \r\n\r\n',
  ],
  'a malformed field, even in trailers or in an informational answer': [
    ...['no-colon', ': no name', ':', 'Space-Before : colon', 'Tab-Before\t: colon'],
    ...['Space In: name', ' Folded: at the beginning', 'X-Folded: a\r\n b', 'X-Folded: a\r\n\tb'],
    ...['X-Folded: a\r\n ', 'X: bare\rCR', 'X: bare CR\r\r\nY: y', 'X: bare\nLF', 'X: bare\n\nLF'],
    ...['X\rY: z', 'X\nY: z', 'X: nul\0', 'X\0: nul', 'X: \x01', 'X: \x1b[2J', 'X: \x7f'],
    ...['X: \x0b', 'X\x7f: x', 'X\xe9: x', '(X): x', 'X"Y: x', 'X@Y: x', '\u00a0X: x'],
  ].flatMap(field => [
    ...[answer(['Content-Length: 0', field]), answer([field, 'Content-Length: 0'])],
    ...[chunked(`0\r\n${field}\r\n\r\n`), chunked(`0\r\nA: b\r\n${field}\r\n\r\n`)],
    answer([field], '', 'HTTP/1.1 103 Early Hints'),
  ]),
  'lines that do not end with CRLF, before more bytes come': [
    'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
    'HTTP/1.1 200 OK\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 0\n\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 0\r\r\n\r\n',
    'HTTP/1.1 200 OK\rContent-Length: 0\r\n\r\n',
    ...[
      ...['5\nhello\r\n0\r\n\r\n', '5\n', '5\r\nhello\n', '5\r\nhello\r0', '5\r\nhello0\r\n\r\n'],
      ...['5\r\nhelloo\r\n', '5;a\nb\r\nhello\r\n', '5;a\rb\r\nhello\r\n', '5\r\r\nhello\r\n'],
      ...['0\r\n\n', '0\r\n\r\r', '0\r\n\rA', '0\n\n', '0\r\nA: b\n\n', '0\r\nA: b\r\n\n'],
    ].map(body => chunked(body)),
  ],
  'a Content-Length that is not digits, or has too many': [
    ...['', '+5', '-5', '-0', '5,5', '5, 5', '5 5', '5;', '0x5', '5x', 'x', '5.0', '5e0', '٥', '５', '"5"'],
    ...['9'.repeat(16), '9007199254740993', '18446744073709551621', '9'.repeat(400)],
  ].map(value => utf8(answer([`Content-Length: ${value}`], 'hello'))),
  'two lengths, even the same, or a length beside a Transfer-Encoding, even without a body': [
    answer(['Content-Length: 5', 'Content-Length: 5'], 'hello'),
    answer(['Content-Length: 5', 'content-length: 6'], 'hello'),
    answer(['Content-Length: 0', 'X: y', 'CONTENT-LENGTH: 5'], 'hello'),
    answer(['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
    answer(['Transfer-Encoding: chunked', 'Content-Length: 5'], '0\r\n\r\n'),
    answer(['transfer-encoding: chunked', 'content-length: 0'], '0\r\n\r\n'),
    ...['HTTP/1.1 204 No Content', 'HTTP/1.1 304 Not Modified'].flatMap(status => [
      answer(['Content-Length: 5', 'Content-Length: 6'], '', status),
      answer(['Content-Length: 5', 'Transfer-Encoding: chunked'], '', status),
    ]),
  ],
  'every coding except a single chunked': [
    ...['', 'identity', 'gzip', 'gzip, chunked', 'chunked, gzip', 'chunked, chunked', 'chunked,'],
    ...[', chunked', 'chunked;q=1', '"chunked"', 'xchunked', 'chunkedx', 'chunked\tx', 'chun\tked', 'chunk'],
    ...['\xa0chunked', 'chunked\r\nTransfer-Encoding: chunked', 'gzip\r\nTransfer-Encoding: chunked'],
    'chunked\r\nTransfer-Encoding: identity',
  ].map(value => answer([`Transfer-Encoding: ${value}`], '0\r\n\r\n')),
  'a chunk size that is not hexadecimal digits, or has too many': [
    ...['', ' ', '+5', '-5', '-0', ' 5', '\t5', '5 ', '5\t', '5 ;a', '0x5', '5h', 'g', '5,', '5.0', '5 5'],
    ...[';a', '\xa05', '5\xa0', '5\0', '5;\0', '5;a\x7f', '５', 'f'.repeat(14), '10000000000000005'],
    ...['0'.repeat(14), '\r\n5', '5\r\nhello\r\n'],
  ].map(size => utf8(chunked(`${size}\r\nhello\r\n0\r\n\r\n`))),
  'malformed chunk extensions, which no honest server sends': [
    ...[';', ';;', ';=a', ';a=', ';a b', ';a="b', ';a=b"', ';a="b"c', ';a=b=c', '; a', ';a '],
  ].map(extension => chunked(`5${extension}\r\nhello\r\n0\r\n\r\n`)),
};
for (const [what, texts] of Object.entries(refused)) {
  it(`an answer is rejected for ${what}`, () => {
    for (const text of texts) assertRefused(text);
  });
}

describe('one connection', () => {
  const first = answer(['Content-Length: 2'], 'hi');
  const second = chunked('3\r\nyou\r\n0\r\nA: b\r\n\r\n');

  it('carries one answer after another', () => {
    const texts = [
      first,
      second,
      answer(['Content-Length: 9'], ''),
      answer([], '', 'HTTP/1.1 204 '),
      second,
      first,
    ];
    const methods = ['GET', 'POST', 'HEAD', 'DELETE', 'GET', 'GET'];
    const pieces = texts.map(text => Buffer.from(text));
    const whole = readAnswers(pieces, { methods });
    assert.deepEqual(
      whole.answers.map(({ body }) => body),
      ['hi', 'you', '', '', 'you', 'hi'],
    );
    assert.deepEqual([whole.error, whole.persistent], [undefined, true]);
    const byteByByte = texts.flatMap(text => Array.from(Buffer.from(text), byte => Buffer.of(byte)));
    assert.deepEqual(readAnswers(byteByByte, { methods }), whole);
  });

  it('is not used again if bytes come after an answer, and that answer is still whole', () => {
    for (const text of [first, second, answer(['Content-Length: 0'])]) {
      for (const behind of ['\r\n', '\n', '\0', ' ', first, 'HTTP/1.1 100 Continue\r\n\r\n']) {
        const { answers, error, persistent } = readEveryWay(text + behind);
        assert.equal(answers.length, 1);
        assert.equal(answers[0]?.isWhole, true);
        assert.deepEqual([error, persistent], ['MALFORMED_RESPONSE', false]);
      }
    }
  });

  it('rejects bytes before its first request and after its last answer', () => {
    assert.throws(() => new ResponseParser().push(Buffer.from(first)), ResponseError);
    assert.equal(new ResponseParser().persistent, false);
    assert.equal(new ResponseParser().close(), true);
    assert.deepEqual(readEveryWay(first, { ends: true }).whole, true);
    assert.deepEqual(readAnswers([], { ends: true }).whole, false);
  });
});

describe('a text that is too long', () => {
  const limit = 1 << 20;
  const padded = (text: string, length: number): string =>
    text.replace('PAD', 'x'.repeat(length - text.length + 3));
  /** Reads a text of which a part has exactly its greatest length, and one with a longer part, with each cut near its end. */
  const assertLimit = (before: string, part: string, rest: string, expected: object): void => {
    for (const more of ['', 'x']) {
      const bytes = Buffer.from(`${before}${part}${more}${rest}`);
      const at = before.length + part.length;
      for (const pieces of [[bytes], ...[-3, -2, -1, 0, 1, 2, 3].map(place => cut(bytes, [at + place]))]) {
        const { answers, error } = readAnswers(pieces);
        const whole = { ...answers[0], error: undefined, ...expected };
        if (more === '') assert.deepEqual({ ...answers[0], error }, whole);
        else assert.deepEqual([answers[0]?.isWhole ?? false, error], [false, 'RESPONSE_HEADERS_TOO_LARGE']);
      }
    }
  };

  it('may be a head or trailers of more than 1 MiB, even without an end', () => {
    const head = padded('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: PAD', limit);
    assertLimit('', head, '\r\n\r\nhi', { body: 'hi' });
    const trailers = padded('A: PAD', limit);
    assertLimit(chunked('0\r\n'), trailers, '\r\n\r\n', { isWhole: true });
    for (const text of [
      `HTTP/1.1 200 ${'x'.repeat(limit)}`,
      `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(limit / 6)}`,
    ]) {
      const { answers, error } = readAnswers([Buffer.from(text)]);
      assert.deepEqual([answers, error], [[], 'RESPONSE_HEADERS_TOO_LARGE']);
    }
  });

  it('may be a chunk line of more than 16 KiB, even without an end', () => {
    const line = padded('2;x=PAD', 16 * 1024);
    assertLimit(chunked(''), line, '\r\nhi\r\n0\r\n\r\n', { body: 'hi', isWhole: true });
    assert.equal(readAnswers([Buffer.from(`${chunked(line)}xxx`)]).error, 'RESPONSE_HEADERS_TOO_LARGE');
  });

  it('may be a head or trailers of more fields than an answer may have', () => {
    const fields = Array.from({ length: maxFields + 1 }, () => 'A: b');
    const most = fields.slice(1);
    const { answers } = readAnswers([Buffer.from(answer([...most.slice(1), 'Content-Length: 0']))]);
    assert.equal(answers[0]?.headers.length, 2 * maxFields);
    const inTrailers = (lines: readonly string[]) => chunked(`0\r\n${lines.join(crlf)}\r\n\r\n`);
    assert.equal(readAnswers([Buffer.from(inTrailers(most))]).answers[0]?.isWhole, true);
    for (const text of [answer([...most, 'Content-Length: 0']), inTrailers(fields)])
      assert.equal(readAnswers([Buffer.from(text)]).error, 'TOO_MANY_RESPONSE_HEADERS');
  });
});

describe('an answer that comes byte by byte', () => {
  const expecting = () => {
    const parser = new ResponseParser();
    parser.expect({ onHead() {}, onSwitch() {}, onBody() {}, onEnd() {} }, { withoutBody: false });
    return parser;
  };

  it('takes time in proportion to its length', () => {
    for (const [what, text] of [
      ['a head of one line', (length: number) => `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(length)}`],
      ['a head of many lines', (length: number) => `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(length / 6)}`],
      ['trailers', (length: number) => `${chunked('0\r\n')}${'A: b\r\n'.repeat(length / 6)}`],
      ['a body', (length: number) => answer([`Content-Length: ${length}`], 'x'.repeat(length))],
      ['chunks', (length: number) => chunked('1\r\nx\r\n'.repeat(length / 6))],
    ] as const) {
      const prepare = (length: number) => {
        const bytes = Buffer.from(text(length));
        return () => {
          const parser = expecting();
          for (let at = 0; at < bytes.length; at++) parser.push(bytes.subarray(at, at + 1));
        };
      };
      assertLinear(200_000, prepare, what);
    }
  });

  it('takes memory of at most a few times its length', () => {
    const parser = expecting();
    const before = process.memoryUsage().arrayBuffers;
    const piece = Buffer.from('x'.repeat(1024));
    parser.push(Buffer.from('HTTP/1.1 200 OK\r\nX: '));
    for (let count = 0; count < 1023; count++) parser.push(piece);
    const held = process.memoryUsage().arrayBuffers - before;
    assert.ok(held < 8 * (1 << 20), `${held} bytes for 1 MiB`);
  });
});
