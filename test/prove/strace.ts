/** What strace wrote, as calls with the places at which they began and ended. */
export interface SystemCall {
  name: string;
  /** As printed: file descriptors with their paths, buffers as strings. */
  args: string;
  result: string;
  /** Numbers of lines of the trace: a call that ended at line 5 was over before one that began at line 6. */
  began: number;
  ended: number;
}

/** Arguments of strace: all threads, descriptors as paths and addresses, whole buffers; and only these calls, or all is slow. */
export const STRACE = [
  'strace',
  // The tracer is the grandchild: the process that we start is the one that is traced.
  '-D',
  '-f',
  '-yy',
  '--seccomp-bpf',
  '-s',
  '1000000',
  '-e',
  'trace=write,writev,pwrite64,pwritev,sendto,sendmsg,fsync,fdatasync,mkdir,mkdirat,link,linkat,rename,renameat,renameat2,open,openat',
];

const CALL = /^(\d+)\s+(\w+)\((.*)\)\s+= (.*)$/s;
const UNFINISHED = /^(\d+)\s+(\w+)\((.*?)\s*<unfinished \.\.\.>$/s;
const RESUMED = /^(\d+)\s+<\.\.\. (\w+) resumed>(.*)\)\s+= (.*)$/s;

/** The calls of a trace, by their ends. Signals, exits and what never ended are left out. */
export function callsOf(trace: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const open = new Map<string, { name: string; args: string; began: number }>();
  trace.split('\n').forEach((line, at) => {
    const unfinished = UNFINISHED.exec(line);
    const resumed = RESUMED.exec(line);
    const whole = CALL.exec(line);
    if (unfinished) {
      open.set(unfinished[1]!, { name: unfinished[2]!, args: unfinished[3]!, began: at });
    } else if (resumed) {
      const begun = open.get(resumed[1]!);
      open.delete(resumed[1]!);
      if (begun === undefined || begun.name !== resumed[2]) return;
      calls.push({ ...begun, args: begun.args + resumed[3]!, result: resumed[4]!, ended: at });
    } else if (whole) {
      calls.push({ name: whole[2]!, args: whole[3]!, result: whole[4]!, began: at, ended: at });
    }
  });
  return calls;
}

/** The path (or `TCP:[from->to]`) of the descriptor that is the call's first argument. */
export function target(call: SystemCall): string {
  const end = /^\d+<(TCP(?:v6)?:\[[^\]]*\]|[^>]*)>/.exec(call.args);
  return (end?.[1] ?? '').replace(/ \(deleted\)$/, '');
}

/** The quoted arguments, such as a call's paths. */
export function quoted(call: SystemCall): string[] {
  return [...call.args.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text]) => text!);
}
