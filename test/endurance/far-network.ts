import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Two network namespaces with a cable between them, which look like two machines to TCP. */
export interface FarNetwork {
  /** The command that executes a program on this side of the cable, or on the far side. */
  readonly near: readonly string[];
  readonly far: readonly string[];
  /** The far side's address. */
  readonly address: string;
  /** From now on every packet is lost, silently. */
  cut(): void;
  /** Packets arrive again. */
  mend(): void;
  /** How often the kernel of the near side sends unacknowledged data again: `net.ipv4.tcp_retries2`. */
  setRetries(count: number): void;
  close(): void;
}

/** Undefined if network namespaces need privileges here, or if the tools for them are missing (Linux only). */
export async function createFarNetwork(): Promise<FarNetwork | undefined> {
  const holders: ChildProcess[] = [];
  try {
    const outer = await hold(['unshare', '--map-root-user', '--net'], holders);
    const near = ['nsenter', `--target=${outer}`, '--user', '--net', '--preserve-credentials'];
    const inner = await hold([...near, 'unshare', '--net'], holders);
    const far = ['nsenter', `--target=${inner}`, '--user', '--net', '--preserve-credentials'];
    const run = (side: readonly string[], command: string) => {
      const [program = '', ...args] = [...side, ...command.split(' ')];
      execFileSync(program, args, { stdio: 'ignore' });
    };
    run(near, `ip link add name near0 address 02:00:00:00:00:01 type veth peer name far0 netns ${inner}`);
    run(far, 'ip link set dev far0 address 02:00:00:00:00:02');
    run(near, 'ip addr add 192.0.2.1/24 dev near0');
    run(far, 'ip addr add 192.0.2.2/24 dev far0');
    const mend = () => {
      run(far, 'ip link set dev far0 up');
      // The neighbour is permanent, so that a lost packet does not make the host unreachable.
      run(far, 'ip neigh replace 192.0.2.1 lladdr 02:00:00:00:00:01 dev far0 nud permanent');
    };
    run(near, 'ip link set dev lo up');
    run(near, 'ip link set dev near0 up');
    mend();
    run(near, 'ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:02 dev near0 nud permanent');
    return {
      near,
      far,
      address: '192.0.2.2',
      cut: () => run(far, 'ip link set dev far0 down'),
      mend,
      setRetries: count => run(near, `sysctl -qw net.ipv4.tcp_retries2=${count}`),
      close: () => release(holders),
    };
  } catch {
    release(holders);
    return undefined;
  }
}

/** Starts a process that keeps a namespace alive, and returns its process id. */
async function hold([command = '', ...args]: readonly string[], holders: ChildProcess[]): Promise<number> {
  const child = spawn(command, [...args, 'sh', '-c', 'echo $$; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  holders.push(child);
  const failed = new Promise<never>((_resolve, reject) => {
    child.once('error', reject).once('exit', () => reject(new Error(`${command} ended`)));
  });
  failed.catch(() => {});
  const [text] = (await Promise.race([once(child.stdout, 'data'), failed])) as [Buffer];
  return Number(text.toString());
}

function release(holders: readonly ChildProcess[]): void {
  for (const child of holders) child.stdin?.destroy();
}
