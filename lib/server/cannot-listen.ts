const REASONS: Record<string, (option: string) => string> = {
  EADDRINUSE: (option) => `another process does; choose another port with ${option}`,
  EADDRNOTAVAIL: () => 'this machine does not have the address',
  EACCES: () => 'the system does not allow it; choose a port above 1023',
};

/** What to tell whoever started a door that cannot listen; `option` chooses its port. The code is the system's. */
export function cannotListen(error: NodeJS.ErrnoException, host: string, port: number, option: string): Error {
  const why = REASONS[error.code ?? '']?.(option) ?? error.message;
  return Object.assign(new Error(`Cannot listen on ${host}, port ${port}: ${why}.`, { cause: error }), {
    code: error.code,
  });
}
