import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeHeaderBlock, encodeHeaders, HpackError } from '../../../src/transport/http2/hpack.js';
import { createRandom, type Random } from '../../support/random.js';
import {
  bytes,
  endOfString,
  everyOctet,
  huffman,
  huffmanBits,
  plain,
} from '../../support/upstreams/hpack.js';

const maxListSize = 1 << 25;

function decode(...parts: (string | Buffer)[]): string[] {
  return decodeHeaderBlock(bytes(...parts), maxListSize);
}

function assertMalformed(what: string, ...parts: (string | Buffer)[]): void {
  assert.throws(
    () => decode(...parts),
    { name: 'HpackError', code: 'MALFORMED_HTTP2', message: `${what} of the header block is not HPACK` },
    bytes(...parts).toString('hex'),
  );
}

function makeText(random: Random): string {
  const length = random.below(random.pick([4, 40, 400]));
  const below = random.pick([128, 256]);
  return Array.from({ length }, () => String.fromCharCode(random.below(below))).join('');
}

/** RFC 7541, appendix A: the entries in order, with their values. */
const staticTable = [
  ':authority | :method=GET | :method=POST | :path=/ | :path=/index.html | :scheme=http | :scheme=https',
  ':status=200 | :status=204 | :status=206 | :status=304 | :status=400 | :status=404 | :status=500',
  'accept-charset | accept-encoding=gzip, deflate | accept-language | accept-ranges | accept',
  'access-control-allow-origin | age | allow | authorization | cache-control | content-disposition',
  'content-encoding | content-language | content-length | content-location | content-range',
  'content-type | cookie | date | etag | expect | expires | from | host | if-match | if-modified-since',
  'if-none-match | if-range | if-unmodified-since | last-modified | link | location | max-forwards',
  'proxy-authenticate | proxy-authorization | range | referer | refresh | retry-after | server',
  'set-cookie | strict-transport-security | transfer-encoding | user-agent | vary | via',
  'www-authenticate',
]
  .flatMap(line => line.split(' | '))
  .flatMap(entry => (entry.includes('=') ? entry.split('=') : [entry, '']));

describe('decodeHeaderBlock', () => {
  it('reads the examples of RFC 7541, appendix C', () => {
    const request = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'];
    const response = [
      ...[':status', '302', 'cache-control', 'private', 'date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
      ...['location', 'https://www.example.com'],
    ];
    const examples: [string, string[]][] = [
      ['400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', ['custom-key', 'custom-header']],
      ['040c 2f73 616d 706c 652f 7061 7468', [':path', '/sample/path']],
      ['1008 7061 7373 776f 7264 0673 6563 7265 74', ['password', 'secret']],
      ['82', [':method', 'GET']],
      ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', request],
      ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', request],
      ['4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf', ['custom-key', 'custom-value']],
      [
        '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120' +
          '474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
        response,
      ],
      [
        '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718' +
          '63c7 8f0b 97c8 e9ae 82ae 43d3',
        response,
      ],
    ];
    for (const [block, fields] of examples) assert.deepEqual(decode(block), fields);
  });

  it('reads an empty block as no field, and knows all entries of the static table', () => {
    assert.deepEqual(decode(), []);
    const every = Buffer.from(Array.from({ length: 61 }, (_, at) => 0x81 + at));
    assert.deepEqual(decode(every), staticTable);
  });

  it('reads all kinds of literals, with their own name or one from the table', () => {
    for (const own of ['40', '00', '10']) assert.deepEqual(decode(own, plain('x'), plain('y')), ['x', 'y']);
    for (const known of ['7d', '0f2e', '1f2e']) {
      assert.deepEqual(decode(known, plain('y')), ['www-authenticate', 'y']);
    }
  });

  it('keeps empty strings and every octet, with and without Huffman coding', () => {
    assert.deepEqual(decode('00 00 00 00 80 80'), ['', '', '', '']);
    assert.deepEqual(decode('00', plain(everyOctet), plain('')), [everyOctet, '']);
    assert.deepEqual(decode('00', plain(''), huffman(huffmanBits(everyOctet))), ['', everyOctet]);
    for (const octet of everyOctet) {
      assert.deepEqual(decode('00', huffman(huffmanBits(octet)), plain('')), [octet, '']);
    }
  });

  it('reads integers of up to four continuation octets and 2^24', () => {
    const text = 'x'.repeat(2 ** 24);
    assert.equal(decode('00 01 61 7f 81 ff ff 07', Buffer.from(text)).length, 2, 'a length of 2^24');
    assert.deepEqual(decode('00 01 61 7f 80 80 80 00', Buffer.from('y'.repeat(127))), ['a', 'y'.repeat(127)]);
    assertMalformed('an index', 'ff 81 ff ff 07');
    assertMalformed('an integer', 'ff 82 ff ff 07');
    assertMalformed('an integer', '00 7f 82 ff ff 07');
    assertMalformed('an integer', 'ff ff ff ff 7f');
    assertMalformed('an integer', 'ff 80 80 80 80 00');
    assertMalformed('an integer', '00 7f ff ff ff ff ff ff ff ff ff 01');
  });

  it('rejects an index outside the static table', () => {
    for (const block of ['80', 'be', 'ff 00', 'ff 80 01', '7e 00', '7f 00 00', '0f 2f 00', '1f 2f 00']) {
      assertMalformed('an index', block);
    }
  });

  it('accepts a table size of 0 only at the start', () => {
    assert.deepEqual(decode('20 82'), [':method', 'GET']);
    assert.deepEqual(decode('20 20 82'), [':method', 'GET']);
    assert.deepEqual(decode('20'), []);
    for (const block of ['21 82', '20 21', '3f 00', '3f e1 1f 82']) {
      assertMalformed('the size of the dynamic table', block);
    }
    for (const block of ['82 20', '20 82 20', '82 21']) {
      assertMalformed('a table size update after the first field', block);
    }
  });

  it('rejects a block that is cut anywhere inside a field', () => {
    const fields = [
      ['00', plain('name'), huffman(huffmanBits('a value'))],
      ['1f 2e', huffman(huffmanBits('x'.repeat(400)))],
    ].map(parts => bytes(...parts));
    for (const field of fields) {
      for (let end = 1; end < field.length; end++) assertMalformed('the end', field.subarray(0, end));
    }
    for (const block of ['ff', 'ff 80', '3f', '3f 80', '00 01', '00 7f', '00 7f 81 ff ff 07 61']) {
      assertMalformed('the end', block);
    }
  });

  it('rejects EOS and wrong padding in a Huffman code', () => {
    const a = huffmanBits('a');
    const unfit = {
      'only EOS': endOfString,
      'EOS in the middle': a + endOfString + a,
      'EOS at the end': a + endOfString,
      'padding of 8 bits': '1'.repeat(8),
      'padding of 11 bits': `${a}${'1'.repeat(11)}`,
      'padding of 29 bits': `${huffmanBits("'")}${'1'.repeat(29)}`,
      'padding of zeros': `${a}000`,
      'padding with a zero first': `${a}011`,
      'padding with a zero last': `${a}110`,
      'a code that is cut off': `${a}${huffmanBits('b')}`.slice(0, 8),
    };
    for (const [what, bits] of Object.entries(unfit)) {
      assert.throws(() => decode('00', huffman(bits), plain('')), HpackError, what);
      assert.throws(() => decode('00', plain(''), huffman(bits)), HpackError, what);
      assertMalformed('a Huffman code', '00', plain(''), huffman(bits));
    }
  });

  it('accepts padding of 0 to 7 ones', () => {
    for (let count = 0; count < 8; count++) {
      const text = '0'.repeat(count);
      assert.deepEqual(decode('00', huffman(huffmanBits(text)), plain('')), [text, '']);
    }
  });

  it('rejects more than the limit, counted as RFC 9113, section 6.5.2, says', () => {
    const block = bytes('82 00', plain('name'), huffman(huffmanBits('value')));
    const size = ':methodGET'.length + 32 + 'namevalue'.length + 32;
    assert.equal(decodeHeaderBlock(block, size).length, 4);
    const tooLarge = { name: 'HpackError', code: 'RESPONSE_HEADERS_TOO_LARGE' };
    assert.throws(() => decodeHeaderBlock(block, size - 1), tooLarge);
    assert.throws(() => decodeHeaderBlock(Buffer.alloc(1 << 20, 0x82), 1 << 16), tooLarge);
    assert.deepEqual(decodeHeaderBlock(bytes('20'), 0), []);
  });

  it('reads or rejects any bytes', () => {
    const random = createRandom(9113);
    const outcomes = { read: 0, refused: 0 };
    for (let round = 0; round < 10_000; round++) {
      const length = random.below(random.pick([8, 64, 512]));
      const below = random.pick([64, 128, 256]);
      const block = Buffer.from(Array.from({ length }, () => random.below(below)));
      try {
        assert.equal(decodeHeaderBlock(block, 4096).length % 2, 0);
        outcomes.read++;
      } catch (error) {
        assert.ok(error instanceof HpackError, `${error} of ${block.toString('hex')}`);
        outcomes.refused++;
      }
    }
    assert.ok(outcomes.read > 100 && outcomes.refused > 1_000, JSON.stringify(outcomes));
  });
});

describe('encodeHeaders', () => {
  it('takes whole fields from the static table, and otherwise forbids indexing', () => {
    const fields = [':method', 'GET', ':scheme', 'https', ':authority', 'api', ':path', '/', ':path', '/x'];
    assert.deepEqual(
      encodeHeaders([...fields, ':method', 'PUT', 'authorization', 'b', 'x-a', '']),
      bytes(
        '20 82 87 11',
        plain('api'),
        '84 14',
        plain('/x'),
        '12',
        plain('PUT'),
        '1f 08',
        plain('b'),
        '10',
        plain('x-a'),
        '00',
      ),
    );
    assert.deepEqual(encodeHeaders([]), bytes('20'));
  });

  it('writes lengths of one to five octets, and octets unchanged', () => {
    for (const length of [126, 127, 128, 254, 255, 16_510, 16_511, 2 ** 21 + 126, 2 ** 21 + 127]) {
      const text = 'x'.repeat(length);
      assert.ok(encodeHeaders(['a', text]).equals(bytes('20 10', plain('a'), plain(text))), String(length));
      assert.deepEqual(decode(encodeHeaders([text, 'a', text, ''])), [text, 'a', text, '']);
    }
    assert.deepEqual(decode(encodeHeaders([everyOctet, everyOctet])), [everyOctet, everyOctet]);
  });

  it('is reversed by decodeHeaderBlock', () => {
    const random = createRandom(1);
    for (let round = 0; round < 1_000; round++) {
      const fields = Array.from({ length: 2 * random.below(6) }, () => makeText(random));
      assert.deepEqual(decode(encodeHeaders(fields)), fields);
    }
    for (let index = 1; index <= 61; index++) {
      const block = Buffer.from([0x20, 0x80 | index]);
      assert.deepEqual(encodeHeaders(decode(block)), block);
    }
  });
});
