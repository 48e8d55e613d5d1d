import { useState } from 'preact/hooks';
import type { ApiObject } from '../api/objects.js';
import { CopyButton } from '../parts/copy-button.js';
import { ScrollBox } from '../parts/scroll-box.js';
import type { Change } from '../text/changes.js';
import { isSecretPath } from '../text/redact.js';
import type { Path, YamlLine } from '../text/yaml-lines.js';

/** Folded at first, because it is long and of use only to the API server. */
const foldedAtFirst = '/metadata/managedFields';

/** Lines of YAML. Lines with others below them can be folded, values of Secrets are shown one by one, and changes are marked. */
export function YamlText({
  object,
  lines,
  textOf,
  changes,
  changedAt,
}: {
  readonly object: ApiObject;
  readonly lines: readonly YamlLine[];
  readonly textOf: (line: YamlLine) => string;
  readonly changes: readonly Change[];
  readonly changedAt: number | undefined;
}) {
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set([foldedAtFirst]));
  const [asked, setAsked] = useState<ReadonlySet<string>>(new Set());
  const changed = new Set(changes.map(({ path }) => keyOf(path)));
  const isHidden = ({ path }: YamlLine) => isSecretPath(object, path) && !asked.has(keyOf(path));
  const isFoldedAway = ({ path }: YamlLine) =>
    path.some((_, at) => at > 0 && folded.has(keyOf(path.slice(0, at))));
  const shown = lines.filter(line => !isFoldedAway(line));
  const hasSecrets = lines.some(isHidden);
  const toggle = (set: ReadonlySet<string>, key: string) => {
    const next = new Set(set);
    if (!next.delete(key)) next.add(key);
    return next;
  };
  let hiddenKey = '';
  return (
    <div class="yaml">
      {!hasSecrets && <CopyButton text={`${lines.map(textOf).join('\n')}\n`} label="YAML" />}
      <ScrollBox kind="code" label="YAML">
        <pre>
          {shown.map((line, at) => {
            const key = keyOf(line.path);
            if (isHidden(line)) {
              // A string of several lines is one value.
              if (hiddenKey === key) return null;
              hiddenKey = key;
            }
            const isMarked =
              changed.has(key) || line.path.some((_, end) => changed.has(keyOf(line.path.slice(0, end))));
            return (
              <span
                key={`${key} ${at}${isMarked ? changedAt : ''}`}
                class={isMarked ? 'line marked' : 'line'}
              >
                {' '.repeat(line.indent)}
                {line.hasChildren && (
                  <button
                    type="button"
                    class="fold"
                    aria-expanded={!folded.has(key)}
                    aria-label={`Fold ${line.path.at(-1)}`}
                    onClick={() => setFolded(toggle(folded, key))}
                  />
                )}
                {isHidden(line) ? (
                  <>
                    <Tokens tokens={line.tokens.slice(0, -1)} />
                    <button
                      type="button"
                      class="small"
                      aria-label={`Show the value of ${line.path.at(-1)}`}
                      onClick={() => setAsked(toggle(asked, key))}
                    >
                      Show
                    </button>
                  </>
                ) : (
                  <Tokens tokens={line.tokens} />
                )}
                {line.hasChildren && folded.has(key) && <span class="muted"> …</span>}
              </span>
            );
          })}
        </pre>
      </ScrollBox>
    </div>
  );
}

function Tokens({ tokens }: { readonly tokens: YamlLine['tokens'] }) {
  return (
    <>
      {tokens.map(({ kind, text }, at) => (
        <span key={at} class={kind}>
          {text}
        </span>
      ))}
    </>
  );
}

/** A path as a JSON pointer (RFC 6901), so that two different paths are never the same string. */
function keyOf(path: Path): string {
  return path.map(step => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
