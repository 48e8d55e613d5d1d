import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { requestApi } from './api-request.js';
import { startFakeApiServer } from './fake-api-server.js';

const server = await startFakeApiServer();
after(() => server.kill());

/** The status and the message for a selector. */
async function answerTo(kind: 'labelSelector' | 'fieldSelector', selector: string) {
  const answer = await requestApi(server, {
    path: `/api/v1/pods?${kind}=${encodeURIComponent(selector)}`,
  });
  return [answer.status, answer.status === 200 ? '' : answer.json<{ message: string }>().message] as const;
}

const requirement = 'unable to parse requirement: ';

test('a label selector that cannot be parsed gets the 400 of kube-apiserver 1.34', async () => {
  for (const [selector, message] of [
    ['a=b=c', "found '=', expected: ',' or 'end of string'"],
    ['a b', `${requirement}found 'b', expected: in, notin, =, ==, !=, gt, lt`],
    ['a in (x', `${requirement}found '', expected: ',' or ')'`],
    ['a in x', `${requirement}found 'x', expected: '('`],
    ['=x', "found '=', expected: !, identifier, or 'end of string'"],
    ['!', `${requirement}found '', expected: identifier`],
    ['!!a', `${requirement}found '!', expected: identifier`],
    [',', "found ',', expected: !, identifier, or 'end of string'"],
    ['a,,b', "found ',', expected: identifier after ','"],
    ['a=b,', "found '', expected: identifier after ','"],
    ['a in (b,c))', "found ')', expected: ',' or 'end of string'"],
    ['(a)', "found '(', expected: !, identifier, or 'end of string'"],
    ['a!b', `${requirement}found '!', expected: in, notin, =, ==, !=, gt, lt`],
    ['a=!b', `${requirement}found '!', expected: identifier`],
    ['!a=b', "found '=', expected: ',' or 'end of string'"],
    ['a gt 5', `${requirement}found 'gt', expected: in, notin, =, ==, !=, gt, lt`],
    ['a===b', `${requirement}found '=', expected: identifier`],
  ] as const) {
    assert.deepEqual(await answerTo('labelSelector', selector), [400, message], selector);
  }
  for (const selector of [
    ...['a>x', '-a=b', 'a=-b', 'a/b/c=d', `${'x'.repeat(64)}=a`, `a=${'x'.repeat(64)}`, 'A_b.c/d=e', 'ä=b'],
  ]) {
    const [status, message] = await answerTo('labelSelector', selector);
    assert.equal(status, 400, selector);
    assert.match(message, /^unable to parse requirement: /, selector);
  }
});

test('a label selector of any valid form is accepted', async () => {
  for (const selector of [
    ...['', 'a', '!a', 'a>5', 'a<3,b', 'a notin ()', 'a in ()', 'a==', 'a=', 'a in (b,,c)', 'a in (,)'],
    ...[' a = b ', 'a = b , c', 'in', 'in in (in)', 'notin', 'a in(b)', 'a!=b', 'b.c/d=e'],
  ]) {
    assert.deepEqual(await answerTo('labelSelector', selector), [200, ''], selector);
  }
});

test('a field selector is accepted or refused as by kube-apiserver 1.34', async () => {
  for (const [selector, message] of [
    ['metadata.name=a=b', 'invalid field selector: unescaped character in value: 61'],
    ['x', "invalid selector: 'x'; can't understand 'x'"],
    ['metadata.name', "invalid selector: 'metadata.name'; can't understand 'metadata.name'"],
    ['=a', 'field label not supported: '],
    ['foo=bar', 'field label not supported: foo'],
    ['metadata.name=a\\', 'invalid field selector: invalid escape sequence'],
    ['metadata.name=a\\x', 'invalid field selector: invalid escape sequence'],
    ['data.x=1', 'field label not supported: data.x'],
    ['metadata.labels=a', 'field label not supported: metadata.labels'],
  ] as const) {
    assert.deepEqual(await answerTo('fieldSelector', selector), [400, message], selector);
  }
  for (const selector of [
    ...['metadata.name==a', 'metadata.name!=a', 'metadata.name=a\\,b', 'metadata.name=a\\=b', ',', ''],
    ...['metadata.name=a,', 'status.phase=Running', 'spec.nodeName='],
  ]) {
    assert.deepEqual(await answerTo('fieldSelector', selector), [200, ''], selector);
  }
});
