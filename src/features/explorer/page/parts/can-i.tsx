import type { ApiResource } from '../api/discovery.js';
import { ApiRequest } from '../api/requests.js';
import type { Source } from '../live/source.js';
import { linkToList } from './links.js';
import { Problem } from './notices.js';
import { RequestBar } from './request-bar.js';

/** What was asked for. An empty namespace means all of them; without a name it is about all objects. */
interface Asked {
  readonly verb: string;
  readonly resource: ApiResource;
  readonly namespace: string;
  readonly name?: string;
  readonly subresource?: string;
}

/** The request that asks whether the user may do something, and `kubectl auth can-i`. Nothing if the API server does not have this review. */
export function CanI({ source, asked }: { readonly source: Source; readonly asked: Asked }) {
  const { prefix, index } = source;
  if (index.preferred('authorization.k8s.io', 'selfsubjectaccessreviews') === undefined) return null;
  const {
    verb,
    resource: { group, name: resource },
    namespace,
    name,
    subresource,
  } = asked;
  const request = ApiRequest.review(prefix, index, 'SelfSubjectAccessReview', {
    resourceAttributes: {
      ...{ verb, group, resource },
      ...(namespace !== '' && { namespace }),
      ...(name !== undefined && { name }),
      ...(subresource !== undefined && { subresource }),
    },
  });
  return <RequestBar title="can-i" request={request} action={{ kind: 'command', words: wordsOf(asked) }} />;
}

/** A problem of a view. A refusal says what was asked for, and how to find out what is allowed. */
export function Failed({
  source,
  asked,
  error,
  code,
}: {
  readonly source: Source;
  readonly asked: Asked;
  readonly error: string;
  readonly code: number | undefined;
}) {
  return (
    <>
      <Problem>{error}</Problem>
      {code === 403 && <Refused source={source} asked={asked} />}
    </>
  );
}

/** What was asked for and refused, and how to find out what is allowed. */
export function Refused({ source, asked }: { readonly source: Source; readonly asked: Asked }) {
  const { verb, resource, namespace, name, subresource } = asked;
  const where =
    namespace === '' ? (resource.namespaced ? 'in all namespaces' : 'in the cluster') : `in ${namespace}`;
  return (
    <>
      <p>
        This view asked to <code>{verb}</code> {subresource && `the ${subresource} of `}
        {typeOf(resource)} {name} {where}.{' '}
        <a href={linkToList(resource, namespace, { view: 'access' })}>What I may do</a>
      </p>
      <CanI source={source} asked={asked} />
    </>
  );
}

function wordsOf({ verb, resource, namespace, name, subresource }: Asked): readonly string[] {
  const type = typeOf(resource);
  return [
    ...['auth', 'can-i', verb, name === undefined ? type : `${type}/${name}`],
    ...(subresource === undefined ? [] : [`--subresource=${subresource}`]),
    ...(namespace !== '' ? [`--namespace=${namespace}`] : resource.namespaced ? ['--all-namespaces'] : []),
  ];
}

function typeOf({ group, name }: ApiResource): string {
  return group === '' ? name : `${name}.${group}`;
}
