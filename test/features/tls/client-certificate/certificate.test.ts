import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  includesAll,
  toClientAuthorities,
} from '../../../../src/features/tls/client-certificate/authorities.js';
import { readCertificate, readName } from '../../../../src/features/tls/client-certificate/certificate.js';
import { Der, DerError, fieldTag } from '../../../../src/features/tls/client-certificate/der.js';
import { readExtensions } from '../../../../src/features/tls/client-certificate/extensions.js';
import { createClientCertificates } from '../../../../src/features/tls/listener.js';
import { createCertificateAuthority } from '../../../support/certificates/certificates.js';

/** Bytes as hexadecimal digits, in which a tag and braces are an element: `30{0201{00}}` has its lengths added. */
function bytes(text: string): Buffer {
  let digits = text.replaceAll(' ', '');
  while (digits.includes('{'))
    digits = digits.replace(/([0-9a-f]{2})\{([0-9a-f]*)\}/g, (_, tag: string, content: string) => {
      const length = (content.length / 2).toString(16).padStart(2, '0');
      return tag + (content.length < 0x100 ? length : `82${length.padStart(4, '0')}`) + content;
    });
  return Buffer.from(digits, 'hex');
}

const zeros = (length: number) => '00'.repeat(length);

/** Asserts that a reading takes these bytes, and what it makes of them, and that it refuses those with a DerError of this kind. */
function assertReads<T>(
  read: (der: Der) => T,
  good: Readonly<Record<string, T>>,
  bad: Readonly<Record<string, RegExp>>,
): void {
  for (const [text, value] of Object.entries(good))
    assert.deepEqual(read(new Der(bytes(text))), value, text.slice(0, 60));
  for (const [text, message] of Object.entries(bad)) {
    const isRight = (error: unknown) => error instanceof DerError && message.test(error.message);
    assert.throws(() => read(new Der(bytes(text))), isRight, text.slice(0, 60));
  }
}

describe('an element of DER', () => {
  it('has a tag of one byte and a length without a byte too many', () => {
    assertReads(
      der => der.any().content.length,
      {
        '0400': 0,
        '040141': 1,
        [`047f${zeros(127)}`]: 127,
        [`048180${zeros(128)}`]: 128,
        [`04820100${zeros(256)}`]: 256,
        [`0483010000${zeros(65_536)}`]: 65_536,
        [`048401000000${zeros(2 ** 24)}`]: 2 ** 24,
      },
      {
        ...{ '': /cut off/, '04': /cut off/, '040241': /cut off/, '0481': /cut off/, '048201': /cut off/ },
        ...{ '1f0141': /tag has several/, bf0141: /tag has several/ },
        ...{ '0480': /indefinite or too large/, '04850100000000': /indefinite or too large/ },
        ...{ [`04817f${zeros(127)}`]: /byte too many/, [`04820080${zeros(128)}`]: /byte too many/ },
        [`048300ffff${zeros(65_535)}`]: /byte too many/,
      },
    );
  });

  it('is followed by the next one, and has the type that is asked for', () => {
    const der = new Der(bytes('04{41} 81{} 30{02{00}}'));
    assert.deepEqual([der.nextIs(4), der.nextIs(5), der.isAtEnd], [true, false, false]);
    assert.throws(() => der.content(5), DerError);
    assert.deepEqual([der.any().tag, der.any().tag, fieldTag(1, 'primitive')], [4, 0x81, 0x81]);
    der.inside(0x30).natural();
    assert.equal(der.isAtEnd, true);
  });

  it('may be an object identifier, whose numbers have at most 31 bits', () => {
    assertReads(
      der => der.objectIdentifier(),
      {
        ...{ '0603550403': '2.5.4.3', '06{2a}': '1.2', '06{00}': '0.0', '06{27}': '0.39', '06{28}': '1.0' },
        ...{ '06{4f}': '1.39', '06{50}': '2.0', '06{883703}': '2.999.3', '06{2a818001}': '1.2.16385' },
        '06{2a87ffffff7f}': '1.2.2147483647',
      },
      Object.fromEntries(
        ['', '80', '8001', '2a8001', '2a81', '2a8880808000', '2a9080808000'].map(content => [
          `06{${content}}`,
          /identifier is wrong/,
        ]),
      ),
    );
  });

  it('may be a boolean, a natural number or a string of bits, each in one way', () => {
    assertReads(
      der => der.boolean(),
      { '01{ff}': true, '01{00}': false },
      { ...{ '01{}': /boolean/, '01{01}': /boolean/, '01{ffff}': /boolean/, '01{0000}': /boolean/ } },
    );
    assertReads(
      der => der.natural(),
      { ...Object.fromEntries(['00', '7f', '0080', '00ff', '0100'].map(one => [`02{${one}}`, undefined])) },
      { ...Object.fromEntries(['', '80', 'ff', '007f', '0000'].map(one => [`02{${one}}`, /integer/])) },
    );
    const bits = ['00', '00ff', '0780', '04fff0', '0701ff80'];
    const wrong = ['', '01', '07', '0800', '0101', '07c0', '04ff08', '0880', 'ff00'];
    assertReads(
      der => der.bitString(),
      Object.fromEntries(bits.map(one => [`03{${one}}`, undefined])),
      Object.fromEntries(wrong.map(one => [`03{${one}}`, /bit string/])),
    );
  });
});

const [uri, dns, mail, directory] = ['86{61}', '82{61}', '81{61}', 'a4{}'] as const;
const point = (names: string) => `30{30{a0{a0{${names}}}}}`;
const constraint = (number: 0 | 1, ...kinds: readonly string[]) =>
  `a${number}{${kinds.map(kind => `30{${kind}}`).join('')}}`;

/** The extensions that the API server reads: their values that it takes, also where they are critical, and that it refuses. */
const extensions: readonly (readonly [
  type: string,
  critical: readonly string[],
  notCritical: readonly string[],
  refused: readonly string[],
])[] = [
  ['551d0e', [], ['04{01}', '04{01}ff'], ['02{01}']],
  ['551d0f', ['03{0780}'], [], ['03{0781}', '04{00}']],
  [
    '551d11',
    [dns, mail, uri, '87{01020304}', `87{${zeros(16)}}`, `${directory}${dns}`].map(names => `30{${names}}`),
    ['30{}', `30{${directory}}`, '30{83{ff}}'],
    ['82{80}', '82{6180}', '81{ff}', '86{ff}', '87{010203}', '87{}'].map(names => `30{${names}}`),
  ],
  [
    '551d13',
    ['30{}', '30{01{ff}}', '30{01{ff}02{00}}', '30{02{05}}'],
    [],
    ['30{01{01}}', '30{01{ff}02{80}}', '30{02{ff}}', '02{00}'],
  ],
  [
    '551d1e',
    [constraint(0, dns), constraint(1, mail, uri), constraint(0, '87{}') + constraint(1, dns)].map(
      trees => `30{${trees}}`,
    ),
    [constraint(0, directory), constraint(1, dns, directory), constraint(0, 'a2{}')].map(
      trees => `30{${trees}}`,
    ),
    [
      ...['30{}', '30{a0{}}', '30{a1{}}', `30{${constraint(0, dns)}04{}}`, `30{${constraint(0, dns)}}04{}`],
      ...['30{a0{04{}}}', `30{${constraint(1, dns)}${constraint(0, dns)}}`, '30{a2{}}'],
    ],
  ],
  [
    '551d1f',
    [point(uri), point(`${uri}${uri}`), point(dns), '30{}', '30{30{}}', '30{30{81{}}}'],
    [],
    ['30{30{a0{}}}', point('860561'), point(`${uri}860561`), '30{04{}}'],
  ],
  [
    '551d20',
    ['30{}', '30{30{06{2a03}}}', '30{30{06{2a03}}30{06{2a04}}}'],
    [],
    ['30{30{06{}}}', '30{30{06{2a03}}30{06{2a03}}}', '30{30{04{2a}}}', '30{30{}}'],
  ],
  ['551d21', ['30{}', '30{30{06{2a}06{2b}}}'], [], ['30{30{06{2a}}}', '30{30{04{}06{2b}}}']],
  ['551d23', [], ['30{}', '30{80{01}}', '30{81{01}}'], ['30{800561}', '04{}']],
  [
    '551d24',
    ['30{}', '30{80{01}81{05}}', '30{81{05}}', '30{82{80}}'],
    [],
    ['30{80{80}}', '30{81{80}}', '30{80{01}81{80}}'],
  ],
  ['551d25', ['30{}', '30{06{2a03}}'], [], ['30{04{}}', '30{06{}}']],
  ['551d36', ['02{00}', '02{05}'], [], ['02{80}', '04{}']],
  [
    '2b06010505070101',
    [],
    ['30{}', `30{30{06{2a}${uri}}}`, '30{30{06{2a}820561}}', '30{30{06{2a}}}'],
    ['30{30{04{}}}', '30{30{06{2a}860561}}'],
  ],
  ['2a0304', [], ['', 'ff', '30{}'], []],
];

describe('an extension of a certificate', () => {
  const extension = (type: string, value: string, isCritical: boolean) =>
    `30{06{${type}}${isCritical ? '01{ff}' : ''}04{${value}}}`;
  const read = (...all: readonly string[]) => readExtensions(new Der(bytes(`30{${all.join('')}}`)));
  for (const [type, critical, notCritical, refused] of extensions) {
    it(`of type ${type} is read as the API server reads it`, () => {
      for (const isCritical of [false, true]) {
        for (const value of isCritical ? critical : [...critical, ...notCritical]) {
          const usages = type !== '551d25' ? undefined : value.includes('2a') ? ['1.2.3'] : [];
          assert.deepEqual(read(extension(type, value, isCritical)), usages, value);
        }
        for (const value of isCritical ? [...refused, ...notCritical] : refused)
          assert.throws(() => read(extension(type, value, isCritical)), DerError, value);
      }
    });
  }

  it('is there once, in any order', () => {
    const [one, other] = [extension('551d25', '30{06{2a}}', false), extension('2a0304', '', false)];
    assert.deepEqual(read(other, one), ['1.2']);
    assert.equal(read(other), undefined);
    assert.throws(() => read(other, one, other), /1\.2\.3\.4 is there twice/);
    assert.equal(read('30{06{2a}01{00}04{}}'), undefined);
  });
});

describe('a certificate', () => {
  const version = (number: string) => `a0{02{${number}}}`;
  const named = '30{31{30{06{550403}0c{616c}}}}';
  const usages = 'a3{30{30{06{551d25}04{30{06{2a}}}}}}';
  const certificate = (first: string, last: string) =>
    bytes(`30{30{${first} 02{01} 30{} 30{} 30{} ${named} 30{} ${last}}}`);

  it('has a version, and from the second on IDs, and in the third extensions', () => {
    const subject = [{ type: '2.5.4.3', value: 'al' }];
    for (const [first, last, found] of [
      ['', usages, undefined],
      ['', '810561', undefined],
      [version('00'), usages, undefined],
      [version('01'), usages, undefined],
      [version('01'), `81{}82{}${usages}`, undefined],
      [version('02'), usages, ['1.2']],
      [version('02'), `81{00}82{00}${usages}`, ['1.2']],
      [version('02'), '', undefined],
    ] as const)
      assert.deepEqual(readCertificate(certificate(first, last)), { subject, usages: found }, first + last);
    for (const [first, last] of [
      [version('03'), usages],
      [version('ff'), usages],
      [version(''), usages],
      [version('0200'), usages],
      [version('02'), '810561'],
      [version('01'), '820561'],
    ] as const)
      assert.throws(() => readCertificate(certificate(first, last)), DerError, first + last);
  });

  it('has a name with strings of several types', () => {
    const nameOf = (der: Der) => readName(der).map(({ value }) => value);
    const string = (value: string) => `30{31{30{06{550403}${value}}}}`;
    assertReads(
      nameOf,
      {
        [string('14{61}')]: ['a'],
        [string('14{ff}')]: [undefined],
        [string('1e{00610062}')]: ['ab'],
        [string('1e{00610000}')]: ['a'],
        [string('1e{006100000062}')]: ['a\0b'],
        [string('12{3120}')]: ['1 '],
      },
      Object.fromEntries(
        ['1e{006100}', '16{80}', '12{61}', '13{40}', '0c{ff}', '04{61}'].map(value => [
          string(value),
          /of a name cannot be read/,
        ]),
      ),
    );
  });
});

describe('the authorities of client certificates', () => {
  it('remain trusted as long as all of them are', async () => {
    const [one, other] = [await createCertificateAuthority(), await createCertificateAuthority()];
    const first = toClientAuthorities(Buffer.from(one.certificate));
    const both = toClientAuthorities(Buffer.from(one.certificate + other.certificate));
    assert.deepEqual([first.validities.size, both.validities.size], [1, 2]);
    assert.deepEqual([includesAll(both, first), includesAll(both, both)], [true, true]);
    assert.deepEqual([includesAll(first, both), includesAll(undefined, both)], [false, false]);
  });

  it('give callers a user in a kubeconfig', () => {
    const method = createClientCertificates(() => undefined, { allowed: new Set() });
    const fields = { 'client-certificate': 'PATH-OF-YOUR-CERTIFICATE', 'client-key': 'PATH-OF-YOUR-KEY' };
    assert.deepEqual(method.kubeconfigUsers(), [{ fields, isComplete: false, isPerCluster: false }]);
  });
});
