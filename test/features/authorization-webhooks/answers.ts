import { gzipSync } from 'node:zlib';

/** What a server makes of an answer: the request goes on, is forbidden (403), is an error (500), or `failurePolicy` says what follows. */
export type Verdict = 'pass' | 'deny' | 'error' | 'fail';

/** An answer of a webhook, by what is odd about it. */
export interface OddAnswer {
  readonly what: string;
  /** By default 200. */
  readonly status?: number;
  /** Header fields: name, value, name, value, …. By default there is a Content-Type. */
  readonly headers?: readonly string[];
  readonly body: string | Buffer;
  /** The API server's verdict. */
  readonly theirs: Verdict;
  /** The gateway denies it, whatever `failurePolicy` says. */
  readonly isRefused?: true;
}

const group = 'authorization.k8s.io';
const kind = '"kind":"SubjectAccessReview"';
const version = `"apiVersion":"${group}/v1"`;
const denied = '{"allowed":false,"denied":true,"reason":"no"}';
const allowed = '{"allowed":true}';
const yes = `{${version},${kind},"status":${allowed}}`;
const no = `{${version},${kind},"status":${denied}}`;
const of = (status: string) => `{${version},${kind},"status":${status}}`;
const more = (members: string, status = allowed) => `{${version},${kind},${members},"status":${status}}`;
const typed = (kind: string, version: string, status: string) =>
  `{"kind":${kind},"apiVersion":${version},"status":${status}}`;

type Row = readonly [what: string, body: string | Buffer, theirs: Verdict];

/** Those that both read alike. */
const alike: readonly Row[] = [
  ['an answer that allows', yes, 'pass'],
  ['an answer that denies', no, 'deny'],
  ['no opinion', of('{"allowed":false}'), 'pass'],
  ['both', of('{"allowed":true,"denied":true}'), 'error'],
  ['no kind and no version', `{"status":${denied}}`, 'deny'],
  ['a kind that is null', typed('null', `"${group}/v1"`, denied), 'deny'],
  ['a version that is null', typed('"SubjectAccessReview"', 'null', denied), 'deny'],
  ['a kind and a version that are null', typed('null', 'null', denied), 'deny'],
  ['an empty kind', typed('""', `"${group}/v1"`, denied), 'deny'],
  ['an empty version', typed('"SubjectAccessReview"', '""', denied), 'deny'],
  ['a reason that is null', of('{"allowed":false,"denied":true,"reason":null}'), 'deny'],
  ['allowed that is null', of('{"allowed":null,"denied":true}'), 'deny'],
  ['denied that is null', of('{"allowed":true,"denied":null}'), 'pass'],
  ['an evaluationError that is null', of('{"denied":true,"evaluationError":null}'), 'deny'],
  ['a status that is null', of('null'), 'pass'],
  ['no status', `{${version},${kind}}`, 'pass'],
  ['nulls everywhere', more('"metadata":null,"spec":null', '{"allowed":null,"denied":true}'), 'deny'],
  [
    'the whole of a spec of Java, with its nulls',
    more(
      '"metadata":{"name":null,"labels":null,"creationTimestamp":null},"spec":{"user":"a","uid":null,"groups":["b",null],"extra":{"c":["d"],"e":null},"nonResourceAttributes":null,"resourceAttributes":{"verb":"get","fieldSelector":null,"labelSelector":{"requirements":[{"key":"a","operator":"In","values":["b"]}]}}}',
      denied,
    ),
    'deny',
  ],
  [
    'labels and annotations',
    more('"metadata":{"labels":{"a":"b"},"annotations":{"c":null}}', denied),
    'deny',
  ],
  ['members that nobody knows', more('"x":{"y":[1,2.5e3,{"z":null}]}', denied), 'deny'],
  ['white space', ` \n\t{ "status" :\r\n${denied} } \n`, 'deny'],
  ['escaped names', `{"\\u0073tatus":{"\\u0064enied":true}}`, 'deny'],
  ['bytes that are no UTF-8', Buffer.from(of('{"denied":true,"reason":"\xff"}'), 'latin1'), 'deny'],
  ['allowed that is a string', of('{"allowed":"true"}'), 'fail'],
  ['denied that is a number', of('{"allowed":true,"denied":0}'), 'fail'],
  ['a reason that is a number', of('{"allowed":true,"reason":1}'), 'fail'],
  ['an evaluationError that is a list', of('{"allowed":true,"evaluationError":[]}'), 'fail'],
  ['a status that is a list', of('[]'), 'fail'],
  ['a status that is true', of('true'), 'fail'],
  ['metadata that is a number', more('"metadata":5'), 'fail'],
  ['a name that is a number', more('"metadata":{"name":5}'), 'fail'],
  ['labels that are a list', more('"metadata":{"labels":[]}'), 'fail'],
  ['a label that is a number', more('"metadata":{"labels":{"a":1}}'), 'fail'],
  ['a spec that is a string', more('"spec":"x"'), 'fail'],
  ['a user that is a list', more('"spec":{"user":[]}'), 'fail'],
  ['groups that are a string', more('"spec":{"groups":"a"}'), 'fail'],
  ['a group that is a number', more('"spec":{"groups":[1]}'), 'fail'],
  ['extra of strings', more('"spec":{"extra":{"a":"b"}}'), 'fail'],
  ['a verb that is a number', more('"spec":{"resourceAttributes":{"verb":1}}'), 'fail'],
  [
    'values of a selector that are a string',
    more('"spec":{"resourceAttributes":{"labelSelector":{"requirements":[{"values":"a"}]}}}'),
    'fail',
  ],
  ['a path that is a number', more('"spec":{"nonResourceAttributes":{"path":1}}'), 'fail'],
  ['the version v1beta1', yes.replace(`${group}/v1`, `${group}/v1beta1`), 'fail'],
  ['another group', yes.replace(group, 'example.com'), 'fail'],
  ['the core group', yes.replace(`${group}/v1`, 'v1'), 'fail'],
  ['a version with an empty group', typed('"SubjectAccessReview"', '"/v1"', denied), 'fail'],
  ['another kind', yes.replace('Subject', 'SelfSubject'), 'fail'],
  ['a Status', '{"kind":"Status","apiVersion":"v1","status":"Success"}', 'fail'],
  ['a kind that is a number', typed('5', `"${group}/v1"`, allowed), 'fail'],
  ['a version that is a list', typed('"SubjectAccessReview"', '[]', allowed), 'fail'],
  ['nothing', '', 'fail'],
];

/** Those that the API server may read in another way, so that the gateway denies whatever they say. */
const refused: readonly Row[] = [
  ['a BOM', `\ufeff${no}`, 'deny'],
  ['YAML', `status:\n  denied: true\n  reason: because\n`, 'deny'],
  ['YAML without quotes', '{status: {denied: true, reason: because}}', 'fail'],
  ['YAML in another document', `---\nstatus: {denied: true}\n`, 'deny'],
  ['text', 'denied', 'fail'],
  ['a list', '[]', 'fail'],
  ['null', 'null', 'pass'],
  ['a cut object', no.slice(0, -1), 'fail'],
  ['something behind the object', `${yes}{}`, 'fail'],
  ['a comma too many', '{"status":{"denied":true},}', 'fail'],
  [
    'a status that is there twice, denied first',
    `{"status":{"denied":true},"status":{"allowed":false}}`,
    'deny',
  ],
  [
    'a status that is there twice, denied last',
    `{"status":{"allowed":false},"status":{"denied":true}}`,
    'deny',
  ],
  ['denied twice', of('{"denied":true,"denied":false}'), 'pass'],
  ['denied twice, escaped', of('{"denied":true,"\\u0064enied":null}'), 'deny'],
  ['a kind twice', `{"kind":"Pod",${kind},"status":${denied}}`, 'deny'],
  ['a member twice that nobody knows', more('"x":{"y":1,"y":2}', denied), 'deny'],
  ['metadata twice', more('"metadata":5,"metadata":{}'), 'fail'],
  ['a kind in another case', `{"Kind":"Pod","status":${allowed}}`, 'fail'],
  ['a kind in letters that Go takes for others', `{"\u212aind":"Pod","status":${allowed}}`, 'fail'],
  ['a version in another case', `{"apiversion":"x/y/z","status":${allowed}}`, 'fail'],
  [
    'a version in letters that Go takes for others',
    `{"apiVer\u017fion":"x/y/z","status":${allowed}}`,
    'fail',
  ],
  ['a status in another case', `{"Status":${denied}}`, 'pass'],
  ['denied in another case', of('{"Denied":true}'), 'pass'],
  ['an empty version of the group', typed('"SubjectAccessReview"', `"${group}/"`, denied), 'deny'],
  ['a version of a slash', typed('"SubjectAccessReview"', '"/"', denied), 'deny'],
  ['a generation with a point', more('"metadata":{"generation":1.0}'), 'fail'],
  ['a time that is none', more('"metadata":{"creationTimestamp":"now"}'), 'fail'],
  ['owners that are a string', more('"metadata":{"ownerReferences":"a"}'), 'fail'],
  ['more levels than Go reads', more(`"x":${'['.repeat(10_001)}${']'.repeat(10_001)}`), 'fail'],
];

const json = ['Content-Type', 'application/json'];

/** What is odd about them is not their body. */
const others: readonly OddAnswer[] = [
  { what: 'no Content-Type', headers: [], body: no, theirs: 'deny' },
  {
    what: 'another Content-Type',
    headers: ['Content-Type', 'text/plain; charset="utf-8"'],
    body: no,
    theirs: 'deny',
  },
  { what: 'another success', status: 206, body: no, theirs: 'deny' },
  { what: 'no content', status: 204, body: '', theirs: 'fail' },
  { what: 'a success that is none', status: 207, body: yes, theirs: 'fail' },
  { what: 'an error', status: 404, body: no, theirs: 'fail' },
  {
    what: 'a Status of an error',
    status: 418,
    body: '{"kind":"Status","apiVersion":"v1","status":"Failure","message":"m","code":418}',
    theirs: 'fail',
  },
  { what: 'no change', status: 304, body: '', theirs: 'fail' },
  { what: 'identity', headers: [...json, 'Content-Encoding', 'identity'], body: no, theirs: 'deny' },
];

const othersRefused: readonly Omit<OddAnswer, 'isRefused'>[] = [
  {
    what: 'a Content-Type that cannot be parsed',
    headers: ['Content-Type', 'application/json; charset'],
    body: yes,
    theirs: 'fail',
  },
  {
    what: 'a Content-Type with a parameter twice',
    headers: ['Content-Type', 'application/json; a=1; A=2'],
    body: yes,
    theirs: 'fail',
  },
  {
    what: 'two Content-Types',
    headers: ['Content-Type', '/', 'Content-Type', 'application/json'],
    body: yes,
    theirs: 'fail',
  },
  { what: 'gzip', headers: [...json, 'Content-Encoding', 'gzip'], body: gzipSync(no), theirs: 'deny' },
  { what: 'no gzip', headers: [...json, 'Content-Encoding', 'GZIP'], body: yes, theirs: 'fail' },
  ...[301, 302, 303, 307, 308].map(status => ({
    ...{
      what: `a redirect ${status} to a denial`,
      status,
      headers: ['Location', '/denies'],
      body: '',
      theirs: 'deny' as const,
    },
  })),
];

const rows = (all: readonly Row[]) => all.map(([what, body, theirs]) => ({ what, body, theirs }));

export const oddAnswers: readonly OddAnswer[] = [
  ...rows(alike),
  ...others,
  ...[...rows(refused), ...othersRefused].map(answer => ({ ...answer, isRefused: true as const })),
];
