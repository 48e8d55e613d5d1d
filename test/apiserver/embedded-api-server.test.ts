import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type ApiServer, type HttpAnswer, requestApi } from '../support/clients/http-client.js';
import { startFakeApiServer } from '../support/fake-api-server/fake-api-server.js';
import { ApiClient } from '../support/kube-apiserver/api-client.js';
import { createNamespace } from '../support/kube-apiserver/api-server.js';
import { test } from '../support/kube-apiserver/api-server-test.js';

/** What both API servers are asked. */
interface Question {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: unknown;
  /** Who asks: an administrator, a user without rights, or nobody. */
  readonly as?: 'admin' | 'user' | 'nobody';
  /** That the objects, rights or words of the embedded one are others, so that only status and headers are compared. */
  readonly otherBody?: true;
}

const json = { 'Content-Type': 'application/json' };
const form = (as: string) => ({ Accept: `application/json;as=${as};v=v1;g=meta.k8s.io` });
const table = form('Table');
const one = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'one', labels: { app: 'x' } },
  data: { a: '1' },
};
const stale = { ...one, metadata: { ...one.metadata, resourceVersion: '1' } };
const review = (group: string, kind: string, more: Omit<Question, 'path'> = {}, spec?: object): Question => ({
  method: 'POST',
  path: `/apis/${group}.k8s.io/v1/${kind.toLowerCase()}s`,
  body: { apiVersion: `${group}.k8s.io/v1`, kind, ...(spec && { spec }) },
  ...more,
  headers: { ...json, ...more.headers },
});
const maps = '/api/v1/namespaces/NAMESPACE/configmaps';
const watching = `${maps}?watch=1&timeoutSeconds=1`;
const initial = `${watching}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`;
const patch = (type: string) => ({ 'Content-Type': `application/${type}-patch+json` });
const pods = { resourceAttributes: { namespace: 'team-0', verb: 'list', resource: 'pods' } };

/** In this order, because some of them write. */
const questions: readonly Question[] = [
  ...['/healthz', '/readyz', '/nonexistent', '/api'].map(path => ({ path })),
  ...['/version', '/livez?verbose', '/apis', '/api/v1', '/apis/apps/v1'].map(path => ({
    ...{ path, otherBody: true as const },
  })),
  ...['/version', maps].map(path => ({ method: 'HEAD', path, otherBody: true as const })),
  // Writing
  ...Array.from({ length: 2 }, () => ({ method: 'POST', path: maps, headers: json, body: one })),
  { path: `${maps}/one` },
  { path: `${maps}/none` },
  { method: 'PATCH', path: `${maps}/one`, headers: patch('merge'), body: { data: { a: null, b: '2' } } },
  { method: 'PATCH', path: `${maps}/one`, headers: patch('x'), body: {}, otherBody: true },
  { method: 'PUT', path: `${maps}/one`, headers: json, body: stale },
  { method: 'POST', path: maps, headers: json, body: '{not json', otherBody: true },
  { method: 'POST', path: maps, headers: { 'Content-Type': 'text/plain' }, body: 'x', otherBody: true },
  { method: 'PUT', path: maps, body: {} },
  { method: 'POST', path: `${maps}/one`, headers: json, body: {}, otherBody: true },
  // Forms
  { path: maps },
  { path: maps, headers: table },
  { path: `${maps}/one`, headers: form('PartialObjectMetadata') },
  { path: maps, headers: form('PartialObjectMetadataList') },
  { path: maps, headers: { Accept: 'image/png' }, otherBody: true },
  { path: '/api/v1/namespaces?limit=2', otherBody: true },
  { path: '/api/v1/namespaces/team-0/pods?limit=2', headers: table, otherBody: true },
  { path: `${maps}?limit=1&continue=garbage`, otherBody: true },
  // Selectors
  { path: `${maps}?labelSelector=app%3Dx%2Capp+notin+%28y%29`, otherBody: true },
  { path: `${maps}?labelSelector=a+b+c`, otherBody: true },
  { path: `${maps}?fieldSelector=metadata.name%3Done` },
  { path: `${maps}?fieldSelector=x`, otherBody: true },
  // Watches
  ...[{}, table, form('PartialObjectMetadata')].flatMap(headers =>
    [watching, `${watching}&resourceVersion=0`, initial].map(path => ({ path, headers })),
  ),
  { path: `${initial}&allowWatchBookmarks=true` },
  { path: `${initial}&allowWatchBookmarks=true&includeObject=None`, headers: table },
  {
    path: watching,
    headers: { Accept: `application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,${table.Accept}` },
  },
  { path: `${watching}&resourceVersion=abc`, otherBody: true },
  { path: `${watching}&sendInitialEvents=false&resourceVersionMatch=NotOlderThan` },
  { path: `${maps}?watch=1&sendInitialEvents=true` },
  // Users
  { path: maps, as: 'user' },
  { method: 'POST', path: maps, headers: json, body: one, as: 'user' },
  { path: maps, as: 'nobody' },
  { path: maps, headers: { Authorization: 'Bearer bad' }, as: 'nobody' },
  { path: maps, headers: { 'Impersonate-User': 'jane' }, as: 'user' },
  review('authentication', 'SelfSubjectReview', { as: 'user' }),
  review('authentication', 'SelfSubjectReview', {
    headers: {
      ...{ 'Impersonate-User': 'jane', 'Impersonate-Group': ['a', 'b'], 'Impersonate-Uid': '7' },
      'Impersonate-Extra-Acme.com%2fproject': 'x',
    },
  }),
  review('authentication', 'TokenReview', {}, { token: 'other' }),
  review('authorization', 'SelfSubjectAccessReview', { as: 'user', otherBody: true }, pods),
  review('authorization', 'SelfSubjectRulesReview', { as: 'user', otherBody: true }, { namespace: 'team-0' }),
  // Pods
  { method: 'POST', path: '/api/v1/namespaces/team-0/pods/web-0/exec?command=ls&stdout=1' },
  { path: '/api/v1/namespaces/team-0/pods/web-0/log?tailLines=3' },
  { path: '/api/v1/namespaces/team-0/pods/web-0', otherBody: true },
  // Deleting
  { method: 'DELETE', path: `${maps}/one`, headers: json, body: { kind: 'DeleteOptions', apiVersion: 'v1' } },
];

/** Leaves out what differs from one server to the next, and what the embedded one does not have: managedFields and digests. */
function comparable(text: string): string {
  return (
    text
      .replace(/test-[0-9a-f-]{36}/g, 'NAMESPACE')
      // A real one may send another bookmark before a watch ends.
      .replace(/^\{"type":"BOOKMARK"(?!.*"k8s\.io\/initial-events-end").*\n/gm, '')
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, 'UID')
      .replace(/\d{4}-\d\d-\d\dT[\d:]+Z/g, 'TIME')
      .replace(/("cells": ?\[\s*"one",\s*1,\s*)"\d+s"/g, '$1"AGE"')
      .replace(/("resourceVersion": ?)"\d+"/g, '$1"VERSION"')
      // Go escapes these.
      .replaceAll('\\u003c', '<')
      .replaceAll('\\u003e', '>')
      .replace(/"description": ?"(?:[^"\\]|\\.)*"/g, '"description":""')
      .replace(/,?\s*"managedFields": ?\[\s*\{[\s\S]*?\}\s*\](?=\s*\})/g, '')
      .replace(/[0-9a-f]{64}/g, 'DIGEST')
      .replace(/"\d+\.\d+\.\d+\.\d+:\d+"/g, '"ADDRESS"')
  );
}

// Length and chunks follow from the body; the others are new in every answer, or are of priority and fairness.
const variable =
  /^(?:audit-id|connection|date|etag|content-length|transfer-encoding|x-content-type-options|x-kubernetes-pf-.*)$/;

function fieldsOf({ headers }: HttpAnswer): readonly string[] {
  const fields = Object.entries(headers).filter(([name]) => !variable.test(name));
  return fields.map(([name, value]) => `${name}: ${value}`).sort();
}

test('the embedded API server answers as a real one', async (t, server) => {
  const embedded = await startFakeApiServer({ clientCertificates: 'optional' });
  t.after(() => embedded.kill());
  const user = { commonName: `user-${randomUUID()}`, organizations: ['dev'] };
  const ask = async (asked: ApiServer) => {
    const admin = new ApiClient(asked.url, asked.authority.certificate, asked.clientCertificate);
    const namespace = await createNamespace(admin);
    const certificates = {
      admin: asked.clientCertificate,
      user: await asked.authority.client(user),
      nobody: null,
    };
    const answers: HttpAnswer[] = [];
    for (const { method = 'GET', path, headers = {}, body, as = 'admin' } of questions) {
      const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
      answers.push(
        await requestApi(asked, {
          ...{ method, headers, certificate: certificates[as] },
          path: path.replace('NAMESPACE', namespace),
          ...(text !== undefined && { body: text }),
        }),
      );
    }
    return answers;
  };
  const real = { ...server, clientCertificate: await server.authority.client() };
  const [expected, answered] = await Promise.all([ask(real), ask(embedded)]);
  const differences: string[] = [];
  for (const [index, question] of questions.entries()) {
    const [right, answer] = [expected[index] as HttpAnswer, answered[index] as HttpAnswer];
    const show = (given: HttpAnswer) =>
      [given.status, ...fieldsOf(given), question.otherBody ? '' : comparable(given.text)].join('\n');
    if (show(right) !== show(answer))
      differences.push(`${JSON.stringify(question)}\n${show(right)}\n-- embedded:\n${show(answer)}`);
  }
  assert.deepEqual(differences, []);
});
