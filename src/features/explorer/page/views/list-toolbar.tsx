import { useEffect, useState } from 'preact/hooks';
import type { ObjectList } from '../api/objects.js';
import { ApiRequest, isSegmentName, type ListScope } from '../api/requests.js';
import type { Source } from '../live/source.js';
import { useLoaded } from '../parts/hooks.js';
import { linkToList } from '../parts/links.js';
import { TextField } from '../parts/text-field.js';

/** Narrows a list: its namespace and selectors, which go into the address. */
export function ListToolbar({
  source,
  scope,
  rest,
}: {
  readonly source: Source;
  readonly scope: ListScope;
  /** What else is in the query of the address. */
  readonly rest: Readonly<Record<string, string>>;
}) {
  const { resource, namespace, labelSelector = '', fieldSelector = '' } = scope;
  const [within, setWithin] = useState(namespace);
  const [labels, setLabels] = useState(labelSelector);
  const [fields, setFields] = useState(fieldSelector);
  useEffect(() => setWithin(namespace), [namespace]);
  useEffect(() => setLabels(labelSelector), [labelSelector]);
  useEffect(() => setFields(fieldSelector), [fieldSelector]);
  const go = (chosen: string) => {
    location.hash = linkToList(resource, chosen, { labelSelector: labels, fieldSelector: fields, ...rest });
  };
  return (
    <form
      class="toolbar"
      onSubmit={event => {
        event.preventDefault();
        if (within === '' || isSegmentName(within)) go(within);
      }}
    >
      {resource.namespaced && (
        <NamespacePicker source={source} namespace={within} onType={setWithin} onChoose={go} />
      )}
      <TextField label="Label selector" placeholder="app=web,tier!=cache" value={labels} onType={setLabels} />
      <TextField label="Field selector" placeholder="metadata.name=web-0" value={fields} onType={setFields} />
      <button type="submit">Apply</button>
    </form>
  );
}

function NamespacePicker({
  source,
  namespace,
  onType,
  onChoose,
}: {
  readonly source: Source;
  readonly namespace: string;
  readonly onType: (namespace: string) => void;
  readonly onChoose: (namespace: string) => void;
}) {
  const names = useLoaded(signal => readNamespaces(source, signal), [source]);
  if (names.kind === 'failed') {
    // A user who may not list namespaces may still know the name of one.
    return <TextField label="Namespace" placeholder="all" value={namespace} onType={onType} />;
  }
  const known = names.kind === 'ready' ? names.value : [];
  const all = namespace === '' || known.includes(namespace) ? known : [namespace, ...known];
  return (
    <label>
      <span>Namespace</span>
      <select value={namespace} onChange={({ currentTarget }) => onChoose(currentTarget.value)}>
        <option value="">All namespaces</option>
        {all.map(name => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

async function readNamespaces(
  { client, prefix, index }: Source,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const resource = index.preferred('', 'namespaces');
  if (resource === undefined) return [];
  const request = ApiRequest.list(prefix, index, { resource, namespace: '' }, {}, 'metadata');
  const { items } = await client.json<ObjectList>(request, signal);
  return (items ?? []).flatMap(({ metadata }) => metadata?.name ?? []);
}
