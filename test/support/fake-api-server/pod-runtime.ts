import { EventEmitter } from 'node:events';
import { PodFiles } from './pod-files.js';

interface RunningPod {
  readonly lines: string[];
  readonly output: EventEmitter;
  readonly files: PodFiles;
}

/** What the containers of the pods do: each pod, by its uid, has a log that can grow and a file system. */
export class PodRuntime {
  readonly #pods = new Map<string, RunningPod>();

  /** The log so far, without line ends; a new pod starts with five lines. */
  lines(uid: string): readonly string[] {
    return this.#pod(uid).lines;
  }

  /** Adds a line to a pod's log and sends it to all followers. */
  appendLine(uid: string, line: string): void {
    const pod = this.#pod(uid);
    pod.lines.push(line);
    pod.output.emit('line', line);
  }

  /** Calls `listener` with each new line; returns the way to stop it. */
  follow(uid: string, listener: (line: string) => void): () => void {
    const { output } = this.#pod(uid);
    output.on('line', listener);
    return () => output.off('line', listener);
  }

  /** The pod's file system. */
  files(uid: string): PodFiles {
    return this.#pod(uid).files;
  }

  #pod(uid: string): RunningPod {
    const known = this.#pods.get(uid);
    if (known) return known;
    const output = new EventEmitter().setMaxListeners(0);
    const lines = Array.from({ length: 5 }, (_, index) => `log line ${index}`);
    const pod = { lines, output, files: new PodFiles() };
    this.#pods.set(uid, pod);
    return pod;
  }
}
