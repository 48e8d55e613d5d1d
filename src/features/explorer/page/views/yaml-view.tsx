import { useMemo } from 'preact/hooks';
import type { ApiObject } from '../api/objects.js';
import { useLoaded } from '../parts/hooks.js';
import { Skeleton } from '../parts/notices.js';
import type { Change } from '../text/changes.js';
import { YamlText } from './yaml-text.js';

/** An object as YAML. The code that writes YAML is loaded when it is first needed. */
export function YamlView({
  object,
  changes,
  changedAt,
}: {
  readonly object: ApiObject;
  readonly changes: readonly Change[];
  readonly changedAt: number | undefined;
}) {
  const code = useLoaded(() => import('../text/yaml-lines.js'), []);
  const yaml = code.kind === 'ready' ? code.value : undefined;
  const lines = useMemo(() => yaml?.yamlLines(object), [yaml, object]);
  if (yaml === undefined || lines === undefined) return <Skeleton lines={14} />;
  return <YamlText textOf={yaml.lineText} {...{ lines, object, changes, changedAt }} />;
}
