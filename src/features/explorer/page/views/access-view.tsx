import { type Operation, operationsOf, type Verdict } from '../api/access.js';
import type { ApiResource } from '../api/discovery.js';
import { type Access, keyOf, readAccess } from '../live/access.js';
import type { Source } from '../live/source.js';
import { CanI } from '../parts/can-i.js';
import { useLoaded } from '../parts/hooks.js';
import { Problem } from '../parts/notices.js';
import { Status } from '../parts/status.js';
import { WideTable } from '../parts/wide-table.js';
import type { Loaded } from '../state.js';

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

const subresourceMeanings: Readonly<Record<string, string>> = {
  approval: 'approve or deny it',
  attach: 'connect to a running container',
  binding: 'choose its node',
  ephemeralcontainers: 'add containers for debugging',
  eviction: 'delete it, if its disruption budget allows',
  exec: 'run a command in a container',
  finalize: 'remove its finalizers',
  log: 'read what its containers print',
  portforward: 'open connections to its ports',
  proxy: 'send HTTP requests to it through the API server',
  resize: 'change the resources of its containers',
  scale: 'read or change the number of replicas',
  status: 'what its controller reports',
  token: 'get a token for it',
};

/** The verbs of a resource and of its subresources, and which of them the user may use. */
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
  const operations = operationsOf(resource);
  const of = (subresource: string) => operations.filter(operation => operation.subresource === subresource);
  const where =
    namespace === '' ? (resource.namespaced ? 'in all namespaces' : 'in the cluster') : `in ${namespace}`;
  return (
    <>
      <CanI source={source} asked={{ verb: 'list', resource, namespace }} />
      <Problems access={access} />
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
          {of('').map(operation => (
            <tr key={operation.verb}>
              <td>
                <code>{operation.verb}</code>
              </td>
              <td>
                <Answer access={access} operation={operation} />
              </td>
              <td class="muted">{meanings[operation.verb]}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {subresources.length > 0 && (
        <>
          <h2>Subresources</h2>
          <WideTable label="Subresources" heads={['Subresource', 'Allowed', 'What it is for']}>
            {subresources.map(({ name: subresource, kind }) => (
              <tr key={subresource}>
                <td>
                  <code>
                    {name}/{subresource}
                  </code>
                </td>
                <td class="answers">
                  {of(subresource).map(operation => (
                    <span key={operation.verb}>
                      <code class="verb">{operation.verb}</code>{' '}
                      <Answer access={access} operation={operation} />
                    </span>
                  ))}
                </td>
                <td class="muted">{subresourceMeanings[subresource] ?? kind}</td>
              </tr>
            ))}
          </WideTable>
        </>
      )}
    </>
  );
}

/** What is not known, and what the proxy itself refuses. */
function Problems({ access }: { readonly access: Loaded<Access> }) {
  if (access.kind === 'failed') return <Problem>{access.problem}</Problem>;
  if (access.kind === 'loading') return null;
  const { verdicts, problem } = access.value;
  const messages = new Set([...verdicts.values()].flatMap(verdict => messageOf(verdict) ?? []));
  return (
    <>
      {problem !== undefined && <Problem>{problem}</Problem>}
      {messages.size > 0 && (
        <div class="rules">
          Rules of this proxy refuse some of these, whatever the API server allows:
          <ul>
            {[...messages].map(message => (
              <li key={message}>{message}</li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

function Answer({ access, operation }: { readonly access: Loaded<Access>; readonly operation: Operation }) {
  if (access.kind === 'loading') return '…';
  const verdict = access.kind === 'ready' ? access.value.verdicts.get(keyOf(operation)) : undefined;
  if (verdict === undefined || verdict.kind === 'unknown') return <span class="muted">unknown</span>;
  const said = verdict.kind === 'refused' ? verdict.message : verdict.note;
  return (
    <>
      <Status kind={verdict.kind === 'yes' ? 'good' : 'none'}>{verdict.kind === 'yes' ? 'yes' : 'no'}</Status>{' '}
      {said !== undefined && (
        <code class="rule" title={said}>
          {flagIn(said)}
        </code>
      )}
    </>
  );
}

function messageOf(verdict: Verdict): string | undefined {
  return verdict.kind === 'refused' ? verdict.message : undefined;
}

/** The flag that a rule's message names. */
function flagIn(message: string): string {
  return /--[a-z-]+/.exec(message)?.[0] ?? 'a rule of the proxy';
}
