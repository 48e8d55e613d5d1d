import type { ApiIndex, ApiResource } from './discovery.js';
import { type ApiObject, isRecord } from './objects.js';

/** An object that another one names. Its name has not been checked. */
export interface Reference {
  readonly resource: ApiResource;
  /** Empty for an object without a namespace. */
  readonly namespace: string;
  readonly name: string;
}

/** The most references of one object. */
const most = 100;
/** The groups whose objects have a Pod's spec, or scale others, at the known places. */
const builtIn = /^(?:v1|(?:apps|batch|autoscaling)\/\w+)$/;

/**
 * The objects that an object names at known places: a Pod's node, service account, config maps, secrets and claims, also in a template of
 * Pods, and what an autoscaler scales. Only those whose resource discovery lists.
 */
export function referencesOf(object: ApiObject, index: ApiIndex): readonly Reference[] {
  const { apiVersion = '', metadata } = object;
  if (!builtIn.test(apiVersion)) return [];
  const namespace = metadata?.namespace ?? '';
  const found = new Map<string, Reference>();
  const add = (resource: ApiResource | undefined, name: unknown) => {
    if (resource === undefined || typeof name !== 'string' || name === '' || found.size >= most) return;
    const within = resource.namespaced ? namespace : '';
    found.set(`${resource.group}/${resource.name}/${name}`, { resource, namespace: within, name });
  };
  const spec = object['spec'];
  const core = (name: string) => index.preferred('', name);
  const job = at(spec, 'jobTemplate', 'spec');
  for (const pod of [spec, at(spec, 'template', 'spec'), at(job, 'template', 'spec')]) {
    add(core('nodes'), at(pod, 'nodeName'));
    add(core('serviceaccounts'), at(pod, 'serviceAccountName'));
    for (const volume of list(pod, 'volumes')) {
      add(core('configmaps'), at(volume, 'configMap', 'name'));
      add(core('secrets'), at(volume, 'secret', 'secretName'));
      add(core('persistentvolumeclaims'), at(volume, 'persistentVolumeClaim', 'claimName'));
    }
    for (const container of [...list(pod, 'containers'), ...list(pod, 'initContainers')]) {
      for (const source of list(container, 'envFrom')) {
        add(core('configmaps'), at(source, 'configMapRef', 'name'));
        add(core('secrets'), at(source, 'secretRef', 'name'));
      }
      for (const variable of list(container, 'env')) {
        add(core('configmaps'), at(variable, 'valueFrom', 'configMapKeyRef', 'name'));
        add(core('secrets'), at(variable, 'valueFrom', 'secretKeyRef', 'name'));
      }
    }
  }
  const scaled = at(spec, 'scaleTargetRef');
  add(index.ofKind(text(scaled, 'apiVersion'), text(scaled, 'kind')), at(scaled, 'name'));
  return [...found.values()];
}

function at(value: unknown, ...fields: readonly string[]): unknown {
  return fields.reduce((found, field) => (isRecord(found) ? found[field] : undefined), value);
}

function list(value: unknown, field: string): readonly unknown[] {
  const found = at(value, field);
  return Array.isArray(found) ? found : [];
}

function text(value: unknown, field: string): string {
  const found = at(value, field);
  return typeof found === 'string' ? found : '';
}
