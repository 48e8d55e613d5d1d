import type { ObjectName } from '../api/requests.js';
import { linkToObject } from './links.js';
import { Tabs } from './tabs.js';

/** The views of an object. Only Pods have more than one. */
export function ObjectTabs({
  object,
  chosen,
}: {
  readonly object: ObjectName;
  readonly chosen: 'object' | 'log';
}) {
  const { resource, namespace, name } = object;
  const href = linkToObject(resource, namespace, name);
  const hasLog = resource.group === '' && resource.subresources.some(({ name: own }) => own === 'log');
  if (!hasLog || href === undefined) return null;
  const tabs = [
    { name: 'object', title: 'Object', href },
    { name: 'log', title: 'Log', href: `${href}/log` },
  ];
  return <Tabs label={`Views of ${name}`} tabs={tabs} chosen={chosen} />;
}
