import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeHeaderBlock, encodeHeaders } from '../../../src/transport/http2/hpack.js';
import {
  bytes,
  endOfString,
  everyOctet,
  huffman,
  huffmanBits,
  plain,
} from '../../support/upstreams/hpack.js';

const maxListSize = 1 << 25;

function decode(...parts: (string | Buffer)[]): string[] | undefined {
  return decodeHeaderBlock(bytes(...parts), maxListSize);
}

function assertMalformed(what: string, ...parts: (string | Buffer)[]): void {
  assert.throws(
    () => decode(...parts),
    { wireCode: 9, code: 'MALFORMED_HTTP2', message: `${what} of the header block is not HPACK` },
    bytes(...parts).toString('hex'),
  );
}

describe('decodeHeaderBlock', () => {
  it('reads all kinds of literals, with their own name or one from the table', () => {
    for (const own of ['40', '00', '10']) assert.deepEqual(decode(own, plain('x'), plain('y')), ['x', 'y']);
    for (const known of ['7d', '0f2e', '1f2e']) {
      assert.deepEqual(decode(known, plain('y')), ['www-authenticate', 'y']);
    }
  });

  it('keeps empty blocks and strings, and every octet, with and without Huffman coding', () => {
    assert.deepEqual(decode(), []);
    assert.deepEqual(decode('00 00 00 00 80 80'), ['', '', '', '']);
    assert.deepEqual(decode('00', plain(everyOctet), plain('')), [everyOctet, '']);
    assert.deepEqual(decode('00', plain(''), huffman(huffmanBits(everyOctet))), ['', everyOctet]);
    for (const octet of everyOctet) {
      assert.deepEqual(decode('00', huffman(huffmanBits(octet)), plain('')), [octet, '']);
    }
  });

  it('reads integers of up to four continuation octets and 2^24', () => {
    const text = 'x'.repeat(2 ** 24);
    assert.equal(decode('00 01 61 7f 81 ff ff 07', Buffer.from(text))?.length, 2, 'a length of 2^24');
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
    for (const bits of Object.values(unfit)) {
      assertMalformed('a Huffman code', '00', huffman(bits), plain(''));
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
    assert.equal(decodeHeaderBlock(block, size)?.length, 4);
    assert.equal(decodeHeaderBlock(block, size - 1), undefined);
    assert.equal(decodeHeaderBlock(Buffer.alloc(1 << 20, 0x82), 1 << 16), undefined);
    assert.deepEqual(decodeHeaderBlock(bytes('20'), 0), []);
  });
});

describe('encodeHeaders', () => {
  it('forbids the indexing of every field', () => {
    const field = (name: string, value: string) => bytes('10', plain(name), plain(value));
    assert.deepEqual(
      encodeHeaders([':method', 'GET', ':path', '/x', 'authorization', 'b', 'x-a', '']),
      bytes(
        '20',
        field(':method', 'GET'),
        field(':path', '/x'),
        field('authorization', 'b'),
        field('x-a', ''),
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
});
