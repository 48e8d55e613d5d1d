import type { ApiResource } from './discovery.js';
import { type ApiObject, isRecord } from './objects.js';

/** What the page reads of an event (k8s.io/api `core/v1.Event`, `events/v1.Event`). Whoever may create events has written it. */
export interface EventFields {
  /** When it was last seen, in milliseconds since 1970; 0 without a time. */
  readonly time: number;
  /** The object that it is about. Each field may be empty. */
  readonly about: Readonly<Record<'apiVersion' | 'kind' | 'namespace' | 'name', string>>;
}

/** Whether the objects of a resource are events. */
export function isEvents({ group, name }: Pick<ApiResource, 'group' | 'name'>): boolean {
  return name === 'events' && (group === '' || group === 'events.k8s.io');
}

/** The fields of an event; undefined for another object. */
export function eventOf(object: ApiObject): EventFields | undefined {
  if (object.kind !== 'Event') return undefined;
  const { series, eventTime, lastTimestamp, deprecatedLastTimestamp, metadata } = object;
  const times = [
    ...[isRecord(series) ? series['lastObservedTime'] : undefined, eventTime],
    ...[lastTimestamp, deprecatedLastTimestamp, metadata?.creationTimestamp],
  ];
  const time = times
    .map(text => (typeof text === 'string' ? Date.parse(text) : Number.NaN))
    .find(Number.isFinite);
  const found = object['involvedObject'] ?? object['regarding'];
  const about = isRecord(found) ? found : {};
  const text = (field: string) => (typeof about[field] === 'string' ? about[field] : '');
  return {
    time: time ?? 0,
    about: {
      apiVersion: text('apiVersion'),
      kind: text('kind'),
      namespace: text('namespace'),
      name: text('name'),
    },
  };
}
