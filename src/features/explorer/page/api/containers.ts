import { type ApiObject, isRecord } from './objects.js';

/** One container of a Pod. */
export interface Container {
  readonly name: string;
  /** Whether it has run before. */
  readonly hasPrevious: boolean;
  readonly isRunning: boolean;
}

/** The containers of the Pod, then its init containers. */
export function containersOf({ spec, status }: ApiObject): readonly Container[] {
  const statuses = [...listOf(status, 'containerStatuses'), ...listOf(status, 'initContainerStatuses')];
  return [...listOf(spec, 'containers'), ...listOf(spec, 'initContainers')].map(({ name }) => {
    const status = statuses.find(found => found['name'] === name);
    const state = status?.['state'];
    const hasPrevious = Number(status?.['restartCount']) > 0;
    return {
      name: String(name),
      hasPrevious,
      isRunning: !(isRecord(state) && isRecord(state['terminated'])),
    };
  });
}

function listOf(value: unknown, field: string): readonly Readonly<Record<string, unknown>>[] {
  const list = isRecord(value) ? value[field] : undefined;
  return Array.isArray(list) ? list.filter(isRecord) : [];
}
