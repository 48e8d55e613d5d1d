import { EventEmitter } from 'node:events';

/** One line of a log, without its line break. */
export interface LoggedLine {
  /** RFC 3339 with nanoseconds, as nodes write it. */
  readonly time: string;
  readonly text: string;
}

interface RunningPod {
  readonly lines: LoggedLine[];
  readonly output: EventEmitter;
}

/** The container runtime: each pod, by its uid, has a log that can grow. */
export class PodRuntime {
  readonly #pods = new Map<string, RunningPod>();
  readonly #firstLines: number;

  /** The log of a new pod begins with this number of lines. */
  constructor(firstLines: number) {
    this.#firstLines = firstLines;
  }

  /** The log so far. */
  lines(uid: string): readonly LoggedLine[] {
    return this.#pod(uid).lines;
  }

  /** Adds a line to a pod's log and sends it to all followers. */
  appendLine(uid: string, line: string): void {
    const pod = this.#pod(uid);
    const logged = loggedLine(line);
    pod.lines.push(logged);
    pod.output.emit('line', logged);
  }

  /** Calls `listener` with each new line. Returns a function that stops this. */
  follow(uid: string, listener: (line: LoggedLine) => void): () => void {
    const { output } = this.#pod(uid);
    output.on('line', listener);
    return () => output.off('line', listener);
  }

  #pod(uid: string): RunningPod {
    const known = this.#pods.get(uid);
    if (known) return known;
    const output = new EventEmitter().setMaxListeners(0);
    const lines = Array.from({ length: this.#firstLines }, (_, index) => loggedLine(`log line ${index}`));
    const pod = { lines, output };
    this.#pods.set(uid, pod);
    return pod;
  }
}

function loggedLine(text: string): LoggedLine {
  return { time: new Date().toISOString().replace('Z', '000000Z'), text };
}
