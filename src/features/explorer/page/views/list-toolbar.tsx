import { useEffect, useState } from 'preact/hooks';
import { isSegmentName, type ListScope } from '../api/requests.js';
import { linkToList } from '../parts/links.js';
import { TextField } from '../parts/text-field.js';
import type { Loaded } from '../state.js';

/** Narrows a list: its namespace and selectors, which go into the address. */
export function ListToolbar({
  namespaces,
  scope,
  rest,
}: {
  readonly namespaces: Loaded<readonly string[]>;
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
        <NamespacePicker names={namespaces} namespace={within} onType={setWithin} onChoose={go} />
      )}
      <TextField label="Label selector" placeholder="app=web,tier!=cache" value={labels} onType={setLabels} />
      <TextField label="Field selector" placeholder="metadata.name=web-0" value={fields} onType={setFields} />
      <button type="submit">Apply</button>
    </form>
  );
}

function NamespacePicker({
  names,
  namespace,
  onType,
  onChoose,
}: {
  readonly names: Loaded<readonly string[]>;
  readonly namespace: string;
  readonly onType: (namespace: string) => void;
  readonly onChoose: (namespace: string) => void;
}) {
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
