import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CredentialError } from '../../src/credentials/credential-source.js';
import type { NumberedCredential } from '../../src/workers/messages.js';
import { createRemoteSource } from '../../src/workers/remote-source.js';

function numbered(id: number, token: string, endsAt = Infinity): NumberedCredential {
  return { id, credential: { authorization: `Bearer ${token}` }, endsAt };
}

/** A source in another process that returns these answers, one per question. */
function remote(...answers: NumberedCredential[]) {
  const asked: string[] = [];
  return {
    asked,
    async credential() {
      asked.push('credential');
      const answer = answers.shift();
      if (answer === undefined) throw new Error('there is none');
      return answer;
    },
    async refused(credential: number) {
      asked.push(`refused ${credential}`);
    },
  };
}

test('an existing credential is returned synchronously, as the same object, until it expires', async () => {
  const other = remote(numbered(2, 'two'));
  const source = createRemoteSource('exec', other, numbered(1, 'one', Date.now() + 200));
  const first = source.get();
  assert.ok(!(first instanceof Promise));
  assert.equal(source.get(), first);
  await new Promise(resolve => setTimeout(resolve, 250));
  assert.deepEqual(await source.get(), { authorization: 'Bearer two' });
  assert.deepEqual(other.asked, ['credential']);
});

test('all waiting requests share one question', async () => {
  const other = remote(numbered(1, 'one'));
  const source = createRemoteSource('exec', other, undefined);
  const all = await Promise.all(Array.from({ length: 20 }, () => source.get()));
  assert.equal(new Set(all).size, 1);
  assert.equal(other.asked.length, 1);
});

test('a failure is a CredentialError with the reason, and the next request asks again', async () => {
  const other = remote();
  const source = createRemoteSource('oidc', other, undefined);
  for (let count = 1; count <= 2; count += 1) {
    await assert.rejects(
      async () => source.get(),
      (error: Error) => error instanceof CredentialError && error.message === 'there is none',
    );
    assert.equal(other.asked.length, count);
  }
});

test('the same credential, sent again, stays the same object, with its new expiry', () => {
  const source = createRemoteSource('exec', remote(), numbered(1, 'one', Date.now() + 60_000));
  const first = source.get();
  source.take(numbered(1, 'one', Infinity));
  assert.equal(source.get(), first);
  assert.equal(source.endsAt, Infinity);
});

test('a 401 is reported with the number of the credential, and not for an outdated one', async () => {
  const other = remote();
  const source = createRemoteSource('exec', other, numbered(7, 'one'));
  const first = await source.get();
  assert.equal(await source.refused(first), undefined, 'there is no other');
  assert.deepEqual(other.asked, ['refused 7']);
  source.take(numbered(8, 'two'));
  assert.deepEqual(await source.refused(first), { authorization: 'Bearer two' });
  assert.deepEqual(other.asked, ['refused 7']);
});
