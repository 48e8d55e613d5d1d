import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CredentialError } from '../../src/credentials/credential-source.js';
import type { NumberedCredential } from '../../src/workers/messages.js';
import { createRemoteSource } from '../../src/workers/remote-source.js';

function numbered(id: number, token: string, endsAt = Infinity): NumberedCredential {
  return { id, credential: { authorization: `Bearer ${token}` }, endsAt };
}

/** A source in another process that gives these, one for each question. */
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

test('a credential that is there is returned at once, as the same object, until it ends', async () => {
  const other = remote(numbered(2, 'two'));
  const source = createRemoteSource('exec', other, numbered(1, 'one', Date.now() + 200));
  const first = source.get();
  assert.ok(!(first instanceof Promise));
  assert.equal(source.get(), first);
  await new Promise(resolve => setTimeout(resolve, 250));
  assert.deepEqual(await source.get(), { authorization: 'Bearer two' });
  assert.deepEqual(other.asked, ['credential']);
});

test('all who wait share one question', async () => {
  const other = remote(numbered(1, 'one'));
  const source = createRemoteSource('exec', other, undefined);
  const all = await Promise.all(Array.from({ length: 20 }, () => source.get()));
  assert.equal(new Set(all).size, 1);
  assert.equal(other.asked.length, 1);
});

test('a failure is a CredentialError with the reason, and the next one asks again', async () => {
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

test('the same credential, sent again, stays the same object, with its new end', () => {
  const source = createRemoteSource('exec', remote(), numbered(1, 'one', Date.now() + 60_000));
  const first = source.get();
  source.take(numbered(1, 'one', Infinity));
  assert.equal(source.get(), first);
  assert.equal(source.endsAt, Infinity);
});

test('a refusal is told with the number of the credential, and a stale one is not told at all', async () => {
  const other = remote();
  const source = createRemoteSource('exec', other, numbered(7, 'one'));
  const first = await source.get();
  assert.equal(await source.refused(first), undefined, 'there is no other');
  assert.deepEqual(other.asked, ['refused 7']);
  source.take(numbered(8, 'two'));
  assert.deepEqual(await source.refused(first), { authorization: 'Bearer two' });
  assert.deepEqual(other.asked, ['refused 7']);
});
