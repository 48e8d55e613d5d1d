import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GuardParts } from '../../src/guard/guard.js';
import { Rejection } from '../../src/guard/rejection.js';
import { requestedUser } from '../../src/guard/requested-user.js';
import { RefusedGroupError } from '../../src/kubernetes/refused-group.js';
import { StatusError } from '../../src/kubernetes/status.js';
import { requestOf } from './judged-request.js';

const carol = { 'Impersonate-User': 'carol', 'Impersonate-Group': 'dev' };

/** Judges a request of jane with these fields; each review has this answer. What was asked, counted, and put into the request. */
async function judge(
  headers: Readonly<Record<string, string>>,
  isAllowed: boolean | Error = true,
  deniedBy?: string,
) {
  const asked: string[] = [];
  const counted: string[] = [];
  const ask = ({
    attributes,
  }: {
    attributes: { resourceAttributes: { resource: string; name: string } };
  }) => {
    const { resource, name } = attributes.resourceAttributes;
    asked.push(`${resource} ${name}`);
    if (isAllowed instanceof Error) return Promise.reject(isAllowed);
    return Promise.resolve({ isAllowed, hasError: false, reason: '', deniedBy });
  };
  const check = requestedUser.create(
    {
      allowImpersonation: true,
      allowSystemIdentities: ['system:good'],
      acceptGroup: [],
      serviceAccountsByName: false,
    },
    {
      authentication: {},
      metrics: { authentication: { impersonated: (result: string) => counted.push(result) } },
      reviews: { ask },
      constrainedImpersonation: { isThere: async () => false },
    } as unknown as GuardParts,
  );
  const request = requestOf('GET /api/v1/pods', headers);
  const denials: string[] = [];
  request.record.denied = by => void denials.push(by);
  request.caller = { username: 'jane', uid: undefined, groups: [], extra: new Map() };
  const error = await Promise.resolve(check?.(request)).then(
    () => undefined,
    (reason: Error) => reason,
  );
  const verdict = error instanceof Rejection ? `${error.code} ${error.reason}` : error?.message;
  return {
    verdict,
    asked,
    counted,
    acts: request.impersonated?.user.username,
    user: request.record.impersonatedUser,
    ...(denials.length > 0 && { denials }),
  };
}

describe('a caller that names a user to act as', () => {
  const nobody = { acts: undefined, user: undefined };

  it('acts as that user if the API server allows each part of it', async () => {
    const asked = ['users carol', 'groups dev'];
    const acts = { acts: 'carol', user: 'carol' };
    assert.deepEqual(await judge(carol), { verdict: undefined, asked, counted: ['allowed'], ...acts });
    const { verdict } = await judge({ 'Impersonate-User': 'carol', 'Impersonate-Group': 'system:good' });
    assert.equal(verdict, undefined);
    const account = await judge({ 'Impersonate-User': 'system:serviceaccount:shop:robot' });
    assert.equal(account.acts, 'system:serviceaccount:shop:robot');
  });

  it('is refused if the API server does not allow it, or if nobody may act as that user', async () => {
    const refused = { counted: ['refused'], ...nobody };
    const asked = ['users carol', 'groups dev'];
    assert.deepEqual(await judge(carol, false), { verdict: '403 impersonation', asked, ...refused });
    const denied = { verdict: '403 impersonation', asked, ...refused, denials: ['a webhook'] };
    assert.deepEqual(await judge(carol, false, 'a webhook'), denied);
    const masters = { ...carol, 'Impersonate-Group': 'system:masters' };
    assert.deepEqual(await judge(masters), { verdict: '403 impersonation', asked: [], ...refused });
    const twice = { ...carol, 'impersonate-user': 'dave' };
    assert.deepEqual(await judge(twice), { verdict: '400 bad_request', asked: [], ...refused });
  });

  it('gets the error if nobody can say whether it may, and is nobody else if it names no one', async () => {
    for (const error of [new StatusError(503, 'away'), new RefusedGroupError('dev')]) {
      const { verdict, counted, acts } = await judge(carol, error);
      assert.deepEqual([verdict, counted, acts], [error.message, ['error'], undefined]);
    }
    const none = { verdict: undefined, asked: [], counted: [], ...nobody };
    assert.deepEqual(await judge({}), none);
    assert.deepEqual(await judge({ 'Impersonate-User': '' }), none);
  });
});
