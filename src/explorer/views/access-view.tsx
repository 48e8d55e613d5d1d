import { orderedVerbs, type Verdict } from '../api/access.js';
import type { ApiResource } from '../api/discovery.js';
import { ApiRequest } from '../api/requests.js';
import { readAccess } from '../live/access.js';
import type { Source } from '../live/source.js';
import { useLoaded } from '../parts/hooks.js';
import { Problem } from '../parts/notices.js';
import { RequestBar } from '../parts/request-bar.js';
import { Status } from '../parts/status.js';
import { Verbs } from '../parts/verbs.js';
import { WideTable } from '../parts/wide-table.js';

const meanings: Readonly<Record<string, string>> = {
  get: 'read one object by its name',
  list: 'read all objects',
  watch: 'follow changes',
  create: 'add an object',
  update: 'replace an object',
  patch: 'change fields of an object',
  delete: 'remove an object',
  deletecollection: 'remove many objects at once',
};

/** The verbs of a resource, and which of them the user may use. */
export function AccessView({
  source,
  resource,
  namespace,
}: {
  readonly source: Source;
  readonly resource: ApiResource;
  readonly namespace: string;
}) {
  const { group, name, subresources } = resource;
  const access = useLoaded(
    signal => readAccess(source, resource, namespace, signal),
    [source, group, name, namespace],
  );
  const attributes = { verb: 'list', group, resource: name, ...(namespace !== '' && { namespace }) };
  const request = askRequest(source, attributes);
  const where =
    namespace === '' ? (resource.namespaced ? 'in all namespaces' : 'in the cluster') : `in ${namespace}`;
  return (
    <>
      {request !== undefined && (
        <RequestBar request={request} action={{ kind: 'command', words: canI(resource, namespace) }} />
      )}
      {access.kind === 'failed' && <Problem>{access.problem}</Problem>}
      <table class="plain access">
        <caption>
          Verbs of {name}, and whether you may use them {where}
        </caption>
        <thead>
          <tr>
            <th scope="col">Verb</th>
            <th scope="col">Allowed</th>
            <th scope="col">What it does</th>
          </tr>
        </thead>
        <tbody>
          {orderedVerbs(resource).map(verb => (
            <tr key={verb}>
              <td>
                <code>{verb}</code>
              </td>
              <td>{access.kind === 'ready' ? <Answer verdict={access.value.get(verb)} /> : '…'}</td>
              <td class="muted">{meanings[verb]}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {subresources.length > 0 && (
        <>
          <h2>Subresources</h2>
          <WideTable label="Subresources" heads={['Subresource', 'Kind', 'Verbs']}>
            {subresources.map(({ name: subresource, kind, verbs }) => (
              <tr key={subresource}>
                <td>
                  <code>
                    {name}/{subresource}
                  </code>
                </td>
                <td>{kind}</td>
                <td class="verbs">
                  <Verbs verbs={verbs} />
                </td>
              </tr>
            ))}
          </WideTable>
        </>
      )}
    </>
  );
}

function Answer({ verdict }: { readonly verdict: Verdict }) {
  if (verdict === undefined) return <span class="muted">unknown</span>;
  return <Status kind={verdict ? 'good' : 'none'}>{verdict ? 'yes' : 'no'}</Status>;
}

function canI({ group, name, namespaced }: ApiResource, namespace: string): readonly string[] {
  const scope = namespace === '' ? (namespaced ? ['--all-namespaces'] : []) : [`--namespace=${namespace}`];
  return ['auth', 'can-i', 'list', group === '' ? name : `${name}.${group}`, ...scope];
}

/** Undefined if the API server does not have this review. */
function askRequest({ prefix, index }: Source, resourceAttributes: object): ApiRequest | undefined {
  if (index.preferred('authorization.k8s.io', 'selfsubjectaccessreviews') === undefined) return undefined;
  return ApiRequest.review(prefix, index, 'SelfSubjectAccessReview', { resourceAttributes });
}
