/** One simple command: its words, and the redirection of its output. */
export interface SimpleCommand {
  readonly words: readonly string[];
  /** `>&2`, or the path of `> FILE`. */
  readonly redirect: '2' | { readonly path: string } | undefined;
}

/** Commands joined by pipes, and when they run after the previous ones: always, on success, on failure. */
export interface Pipeline {
  readonly when: ';' | '&&' | '||';
  readonly commands: readonly SimpleCommand[];
}

const token = /\s*(?:(\n|;|&&|\|\||\||>&2|1>&2|>)|((?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s;&|>'"\\])+))/y;

function unquote(word: string): string {
  return word.replace(
    /'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)/g,
    (_, single?: string, double?: string, escaped?: string) =>
      single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped ?? '',
  );
}

function readTokens(script: string): { operator?: string; word?: string }[] {
  const tokens = [];
  const text = script.replace(/\r/g, '').replace(/\s+$/, '');
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const match = token.exec(text);
    if (!match) throw new Error(`syntax error near: ${script}`);
    const [, operator, word] = match;
    tokens.push(operator === undefined ? { word: unquote(word ?? '') } : { operator });
  }
  return tokens;
}

/** Parses the subset of sh that the scripted shell runs: words with quotes, `;` `&&` `||` `|`, `>&2` and `> FILE`. */
export function parseScript(script: string): Pipeline[] {
  const pipelines: Pipeline[] = [];
  let when: Pipeline['when'] = ';';
  let commands: SimpleCommand[] = [];
  let words: string[] = [];
  let redirect: SimpleCommand['redirect'];
  let wantsPath = false;
  const endCommand = () => {
    if (words.length > 0) commands.push({ words, redirect });
    words = [];
    redirect = undefined;
  };
  const endPipeline = (next: Pipeline['when']) => {
    endCommand();
    if (commands.length > 0) pipelines.push({ when, commands });
    commands = [];
    when = next;
  };
  for (const { operator, word } of readTokens(script)) {
    if (word !== undefined) {
      if (wantsPath) redirect = { path: word };
      else words.push(word);
      wantsPath = false;
    } else if (operator === '|') {
      endCommand();
    } else if (operator === '>') {
      wantsPath = true;
    } else if (operator === '>&2' || operator === '1>&2') {
      redirect = '2';
    } else {
      endPipeline(operator === '&&' || operator === '||' ? operator : ';');
    }
  }
  endPipeline(';');
  return pipelines;
}
