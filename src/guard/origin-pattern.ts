/**
 * Where a text stands in an origin: at its start, in the scheme, behind `:`, `:/` and `://`, and in the host or the port. Each is one bit,
 * so that a number is a set of them.
 */
const at = { start: 1, scheme: 2, colon: 4, slash: 8, slashes: 16, host: 32 } as const;
const everywhere = 63;

/** What one part of an expression matches: one character, any one (`.`), any text (a group), or one end of the text. */
interface Part {
  readonly matches: 'character' | 'any' | 'text' | '^' | '$';
  readonly character: string;
  isOptional: boolean;
  isRepeated: boolean;
}

const tokens =
  /\\[pP]\{[^}]*\}?|\\x\{[^}]*\}?|\\[\s\S]|\[\^?\]?(?:\[:\^?\w+:\]|\\[\s\S]|[^\]\\])*\]?|(?:[*+?]|\{\d+(?:,\d*)?\})\??|[\s\S]/g;

/**
 * Whether no origin of a browser has a match that ends with its host or port, for a valid Go regular expression. It never says so of one
 * that matches an origin, and may miss one that matches none: it takes a group for any text.
 */
export function matchesNoOrigin(expression: string): boolean {
  return !expression.includes('\\Q') && alternativesOf(expression).every(parts => !reachesHost(parts));
}

function alternativesOf(expression: string): readonly (readonly Part[])[] {
  let parts: Part[] = [];
  const alternatives = [parts];
  let depth = 0;
  for (const [token] of expression.matchAll(tokens)) {
    if (token === '(') depth += 1;
    else if (token === ')') depth -= 1;
    if (token === '(' || depth > 0) continue;
    const last = parts.at(-1);
    if (token === '|') {
      parts = [];
      alternatives.push(parts);
    } else if (/^(?:[*+?]|\{\d)/.test(token) && last !== undefined) {
      last.isOptional ||= /^(?:[*?]|\{0)/.test(token);
      last.isRepeated ||= !token.startsWith('?');
    } else parts.push({ ...partOf(token), isOptional: false, isRepeated: false });
  }
  return alternatives;
}

function partOf(token: string): Pick<Part, 'matches' | 'character'> {
  const character = token.at(-1) as string;
  if (token === '^' || token === '\\A') return { matches: '^', character };
  if (token === '$' || token === '\\z') return { matches: '$', character };
  if (token === ')' || /^\\[bB]$/.test(token)) return { matches: 'text', character };
  if (token === '.' || token.startsWith('[') || /^\\[a-z0-9]/i.test(token))
    return { matches: 'any', character };
  return { matches: 'character', character };
}

function reachesHost(parts: readonly Part[]): boolean {
  let places: number = everywhere;
  let hasEnded = false;
  for (const part of parts) {
    const { matches, isOptional, isRepeated } = part;
    if (matches === '^') {
      if (!isOptional) places &= at.start;
    } else if (matches === '$') {
      if (!isOptional) hasEnded = true;
    } else if (matches === 'text') {
      if (!hasEnded) places = after(places, { ...part, isRepeated: true }) | places;
    } else if (!isOptional || !hasEnded) {
      const next = hasEnded ? 0 : after(places, { ...part, isRepeated });
      places = isOptional ? places | next : next;
    }
  }
  return (places & at.host) !== 0;
}

/** The places behind a part that is there once, or more often if it is repeated. */
function after(places: number, part: Part): number {
  let reached = step(places, part);
  if (!part.isRepeated) return reached;
  for (let known = 0; known !== reached; ) {
    known = reached;
    reached |= step(reached, part);
  }
  return reached;
}

/** Each place is behind those that have smaller bits, so that a set of places is read in six steps. */
function step(places: number, { matches, character }: Part): number {
  const may = (expression: RegExp) => matches !== 'character' || expression.test(character);
  let next = 0;
  if (places & at.start && may(/[a-z]/i)) next |= at.scheme;
  if (places & at.scheme && may(/[a-z0-9+.-]/i)) next |= at.scheme;
  if (places & at.scheme && may(/:/)) next |= at.colon;
  if (places & at.colon && may(/\//)) next |= at.slash;
  if (places & at.slash && may(/\//)) next |= at.slashes;
  if (places & (at.slashes | at.host) && may(/[^\s/\\?#@,]/)) next |= at.host;
  return next;
}
