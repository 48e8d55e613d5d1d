import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createHostCheck } from '../../src/guard/host.js';
import { rejectUncertainHost } from '../../src/guard/message.js';
import { regexpList } from '../../src/guard/regexp-list.js';
import { Rejection } from '../../src/guard/rejection.js';
import { RequestHead } from '../../src/http/request-head.js';
import { optionTable } from '../../src/options/table.js';
import { assertLinear } from '../support/growth.js';
import { parsedValue } from '../support/option-value.js';

function guardFor(
  source: string,
): (...rawHeaders: string[]) => { code: number; message: string } | undefined {
  const guard = createHostCheck(parsedValue(regexpList, source));
  return (...rawHeaders) => {
    try {
      const head = new RequestHead({ method: 'GET', rawHeaders });
      rejectUncertainHost(head, '1.0');
      guard(head);
      return undefined;
    } catch (error) {
      assert.ok(error instanceof Rejection);
      assert.equal(error.reason, error.code === 400 ? 'bad_request' : 'host');
      return { code: error.code, message: error.message };
    }
  };
}

const standard = guardFor(optionTable.acceptHosts.default);

describe('the host guard', () => {
  it('accepts the three names of this machine, with or without a port, in any case, with a final dot', () => {
    for (const host of [
      ...['localhost', 'localhost:8001', 'LocalHost:8001', 'localhost.', 'localhost.:8001'],
      ...['localhost:', '127.0.0.1', '127.0.0.1:8001', '[::1]', '[::1]:8001'],
    ]) {
      assert.equal(standard('Host', host), undefined, host);
      assert.equal(standard('Accept', '*/*', 'hOsT', host), undefined, host);
    }
  });

  it('rejects names that are only similar', () => {
    for (const host of [
      ...['evil.example', 'evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:8001'],
      ...['xlocalhost', 'local.host', 'localhostx', 'localhost..', '127.0.0.10', '127x0x0x1', '127.1'],
      ...['2130706433', '0x7f000001', '0.0.0.0', '[::]', '[::2]', '[0:0:0:0:0:0:0:1]'],
      ...['[::ffff:127.0.0.1]', '%6cocalhost', '\xe2\x93\x9bocalhost', '-'],
    ]) {
      assert.equal(standard('Host', host)?.code, 403, host);
    }
  });

  it('rejects as malformed what is not one host with an optional port', () => {
    for (const host of [
      ...['user@127.0.0.1', 'localhost@evil.example', 'localhost:8001@evil.example'],
      ...['evil.example,localhost', 'localhost, evil.example', 'localhost evil.example'],
      ...['localhost\tevil.example', 'localhost/evil', 'localhost\\evil', 'localhost?evil'],
      ...['localhost#evil', 'localhost:80:80', 'localhost:http', 'localhost:-1', '::1', '[::1'],
      ...['[::1]x', '[::1].', '[localhost]', '[]', ':8001'],
    ]) {
      assert.equal(standard('Host', host)?.code, 400, host);
    }
  });

  it('rejects a missing or empty Host unless a rule matches it, and two Host headers, even with the same name; no other header names a host', () => {
    assert.equal(standard('Host', 'localhost', 'Host', 'evil.example')?.code, 400);
    assert.equal(standard('Host', 'evil.example', 'host', 'localhost')?.code, 400);
    assert.equal(standard('Host', 'localhost', 'X', 'y', 'HOST', 'localhost')?.code, 400);
    assert.equal(standard()?.code, 403);
    assert.equal(standard('Host', '')?.code, 403);
    assert.equal(guardFor('^$')('Host', ''), undefined);
    assert.equal(guardFor('.*')(), undefined);
    for (const name of ['X-Forwarded-Host', 'X-Host', 'Forwarded', 'X-HTTP-Host-Override', 'Host-']) {
      assert.equal(standard(name, 'localhost', 'Host', 'evil.example')?.code, 403, name);
      assert.equal(standard(name, 'evil.example', 'Host', 'localhost'), undefined, name);
    }
  });

  it('matches an IPv6 address with and without brackets, and a name that its rule has in capitals; it is named in printable characters', () => {
    assert.equal(guardFor('^fd00::1$')('Host', '[FD00::1]:8001'), undefined);
    assert.equal(guardFor('^\\[fd00::1\\]$')('Host', '[fd00::1]'), undefined);
    assert.equal(guardFor('^Gateway$')('Host', 'Gateway:8001'), undefined);
    const { message } = standard('Host', 'evil\x80.example') ?? { message: '' };
    assert.equal(message, 'Host "evil?.example" is not accepted; allow it with --accept-hosts');
    assert.ok((standard('Host', 'a'.repeat(5000))?.message ?? '').length < 400);
  });

  it('is judged in linear time', () => {
    for (const piece of ['a', ':', '[', 'a:1', '.', '@', ',']) {
      const prepare = (count: number) => {
        const host = piece.repeat(count);
        return () => standard('Host', host);
      };
      assertLinear(100_000, prepare, piece);
    }
  });
});
