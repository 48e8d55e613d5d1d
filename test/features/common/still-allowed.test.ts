import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { OwnRefusalError } from '../../../src/clusters/own-request.js';
import { isStillAllowed, NoReviewsError } from '../../../src/features/common/still-allowed.js';
import { Moment } from '../../../src/lib/moment.js';
import { Reviews } from '../../../src/reviews/reviews.js';
import { AskedReviews } from '../../support/asked-reviews.js';
import { answeringPool, jsonOf } from '../../support/transport/answering-pool.js';
import { accessTo } from '../../support/transport/upstream-requests.js';

describe('a right that is asked about again', () => {
  let api: AskedReviews;
  let { reviews, clock, question } = new AskedReviews();
  const says = (status: object | string, code?: number) => api.says(status, code);
  const forbidden = (kind: string) => ({
    status: 403,
    body: { kind: 'Status', message: 'no', details: { kind } },
  });

  beforeEach(() => {
    api = new AskedReviews();
    ({ reviews, clock, question } = api);
  });

  it('is said by whoever has a way of its own to ask', async () => {
    const before = api.asked;
    for (const isAllowed of [true, false])
      assert.equal(
        await isStillAllowed(reviews, { ...question, askAgain: async () => isAllowed }),
        isAllowed,
      );
    assert.equal(api.asked, before);
  });

  it('has ended if the proxy may not act as the user any longer', async () => {
    for (const kind of ['users', 'groups', 'uids']) {
      api.answer = () => forbidden(kind);
      clock.advance(1);
      reviews.permitted(question, new Moment(clock));
      assert.equal(await isStillAllowed(reviews, question), false, kind);
      assert.equal(reviews.isPermitted(question), false, 'and nothing goes on from memory');
    }
  });

  it('is not known if the API server does not say it', async () => {
    for (const [what, given] of [
      ['a broken connection', undefined],
      ['429', { status: 429, body: {} }],
      ['500', { status: 500, body: {} }],
      ['503', { status: 503, body: {} }],
      ['401', { status: 401, body: {} }],
      ['404', { status: 404, body: {} }],
      ['no JSON', { status: 201, body: 'x' }],
      ['no answer', { status: 201, body: { status: {} } }],
      [
        'an authorizer with an error',
        { status: 201, body: { status: { allowed: false, evaluationError: 'e' } } },
      ],
      ['a user who may not ask for reviews', forbidden('selfsubjectaccessreviews')],
    ] as const) {
      api.answer = () => given;
      await assert.rejects(isStillAllowed(reviews, question), what);
    }
    says({ allowed: true, evaluationError: 'e' });
    assert.equal(await isStillAllowed(reviews, question), true);
    says({ allowed: true });
    assert.equal(await isStillAllowed(reviews, question), true);
    assert.equal(
      reviews.isPermitted(question),
      false,
      'thousands of such answers push nothing out of the memory',
    );
  });

  it('is not known if the proxy may act as the user but not ask for reviews, and a clear no if it may not act as the user', async () => {
    const as = ['Impersonate-User', 'jane', 'Impersonate-Group', 'dev'];
    const message = 'User "proxy" cannot impersonate-on:user-info:create resource "selfsubjectaccessreviews"';
    const refusal = (text: string) => ({
      status: 403,
      body: { kind: 'Status', message: text, details: { kind: 'selfsubjectaccessreviews' } },
    });
    for (const [held, isKnown] of [
      [['jane', 'dev'], false],
      [['jane'], true],
      [[], true],
    ] as const) {
      reviews = new Reviews(clock);
      const own: string[] = [];
      const cluster = {
        ...question.cluster,
        access: () =>
          accessTo(
            answeringPool(({ headers, body }) => {
              if (headers.includes('Impersonate-User')) return refusal(message);
              const { verb, name } = (
                jsonOf(body) as { spec: { resourceAttributes: Record<string, string> } }
              ).spec.resourceAttributes;
              own.push(`${verb} ${name}`);
              return { status: 201, body: { status: { allowed: held.some(right => right === name) } } };
            }),
          ),
      };
      const asked = isStillAllowed(reviews, { ...question, cluster, as });
      if (isKnown) assert.equal(await asked, false);
      else await assert.rejects(asked, NoReviewsError);
      assert.equal(own[0], 'impersonate:user-info jane');
    }
    api.answer = () => refusal('User "jane" cannot create resource "selfsubjectaccessreviews"');
    await assert.rejects(isStillAllowed(reviews, question), OwnRefusalError);
    await assert.rejects(isStillAllowed(reviews, { ...question, as: 'configured' }), NoReviewsError);
  });
});
