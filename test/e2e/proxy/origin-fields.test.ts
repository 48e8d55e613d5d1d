import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { startScriptedAnswers, ways } from '../scripted-answers.js';

// test/proxy/ has the tables of fields and cookies: here is one of each kind, from every place, on every way.

const answers = await startScriptedAnswers({ after });
const [open, authenticated, every] = await Promise.all([
  answers.start('--api-prefix=/k8s/'),
  answers.start(answers.authentication),
  answers.start('--all-contexts', '--sandbox-proxied-pages=false'),
]);
const below = await startScriptedAnswers({ after }, { serverPath: '/rancher/c-1' });
const [sent, added] = await Promise.all([below.start(), below.start('--append-server-path')]);

const pod = '/api/v1/namespaces/x/pods/y/proxy';
const group = '/apis/evil.example/v1';

/** What an API server may answer, with a type that is a page or is none, or with another protocol. */
const statuses = ['200 OK', '302 Found', '304 Not Modified', '403 No', '500 No', '101 Switching Protocols'];
const switching = ['Connection: Upgrade', 'Upgrade: websocket'];

/** Sends a request to a path, and returns its answer; undefined if its way has no such answer. */
async function answerTo(
  [proxy, target]: readonly [typeof open, string],
  way: (typeof ways)[number],
  status: string,
  lines: readonly string[],
  headers: readonly string[] = [],
) {
  const switches = status.startsWith('101');
  if (!ways.includes(way) || (switches && (way === 'plain' || way === 'http2'))) return undefined;
  const scripted = proxy === sent || proxy === added ? below : answers;
  scripted.answer({ status, lines: [...(switches ? switching : ['Content-Type: text/plain']), ...lines] });
  const answer = await scripted.send(proxy, { way, target, headers });
  assert.equal(answer.code, Number(status.slice(0, 3)), `${way} ${target}`);
  return answer;
}

/** Where answers come from, and whether the guards leave them as they are. */
const places = [
  [open, '/k8s/version', false],
  [open, `/k8s${pod}/`, true],
  [authenticated, `${pod}/`, false],
  [every, `/clusters/test${group}/page`, false],
  [every, `/clusters/test${pod}/`, true],
] as const;

/** Every place, way and status once, and all ways and statuses of the first place. */
const requests = [
  ...ways.flatMap(way => statuses.map(status => [places[0], way, status] as const)),
  ...places
    .slice(1)
    .flatMap(place => [
      ...[[place, 'plain', '200 OK'] as const, [place, 'http2', '404 Not Found'] as const],
      [place, 'websocket', '101 Switching Protocols'] as const,
    ]),
];

const nameOf = (line: string) => line.slice(0, line.indexOf(':')).toLowerCase();
const valuesOf = (lines: readonly string[], name: string) =>
  lines.filter(line => nameOf(line) === name).map(line => line.slice(line.indexOf(':') + 2));

/** Fields of an answer, by who gets them: nobody; those who get a page that is left to the guards; everybody; and all but browsers. */
const fields = {
  never: [
    'NEL: {"report_to":"x","max_age":2592000,"include_subdomains":true}',
    'REPORTING-ENDPOINTS: x="https://evil.example"',
    ...['Strict-Transport-Security: max-age=31536000; includeSubDomains', 'clear-site-data: "*"'],
    ...['Service-Worker-Allowed: /', 'Access-Control-Allow-Origin: *'],
  ],
  loading: [`Refresh: 0; url=${pod}/`, `LINK: <${pod}/>; rel=prefetch`, `Link: <${pod}/>; rel=preload`],
  listed: [
    ...['Content-Language: en', 'ETag: "a"', 'Audit-Id: a', 'X-KUBERNETES-PF-PRIORITYLEVEL-UID: b'],
    ...['Location: ./x', 'www-authenticate: Bearer', 'X-Frame-Options: DENY', 'Sec-WebSocket-Accept: a'],
  ],
  others: ['X-Custom: 1', 'x-custom: 2', 'Server: a', 'Set-Login: logged-in'],
};
const all = Object.values(fields).flat();
const csp = `Content-Security-Policy: img-src *; report-uri ${pod}/`;

it('an answer never speaks for the whole origin and makes nobody load another path, and a browser gets only the fields of one list, but for a page that is left to the guards', async () => {
  for (const [headers, isBrowser] of [
    [[], false],
    [['Sec-Fetch-Site: same-origin'], true],
    [['Accept: text/html,*/*;q=0.8'], true],
  ] as const) {
    for (const [[proxy, target, isLeft], way, status] of requests) {
      const answer = await answerTo([proxy, target], way, status, [...all, 'Set-Cookie: a=1', csp], headers);
      if (answer === undefined) continue;
      const what = `${headers} ${way} ${status} ${target}`;
      const isListed = isBrowser && !isLeft;
      const expected = [
        ...fields.listed,
        ...(isLeft ? fields.loading : []),
        ...(isListed ? [] : fields.others),
      ];
      for (const name of new Set(all.map(nameOf)))
        assert.deepEqual(answer.values(name), valuesOf(expected, name), `${what} ${name}`);
      assert.equal(answer.values('set-cookie').length, isListed ? 0 : 1, what);
      const [policy = ''] = answer.values('content-security-policy');
      assert.equal(policy, isListed ? 'img-src *' : csp.slice(csp.indexOf(':') + 2), what);
    }
  }
});
