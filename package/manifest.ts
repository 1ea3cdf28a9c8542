/** What of a package.json matters here. */
export interface Manifest {
  name: string;
  version: string;
  description: string;
  license: string;
  type: string;
  engines: Record<string, string>;
  bin: Record<string, string>;
  exports: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
}

/** They belong to who synthesizes a stack: two copies of either in one program do not know each other's constructs. */
const PEERS = ['aws-cdk-lib', 'constructs'];
/** The others serve the clone: the project's own Node, and an engine for tests. */
const OPTIONAL = ['@node-rs/crc32'];

/**
 * The manifest of what is published, from the clone's, whose exports are TypeScript. Of the dependencies it names those that the
 * published files import: what is bundled into the functions alone comes with them. Throws when one of `imported` has no version.
 */
export function published(clone: Manifest, imported: ReadonlySet<string>) {
  const { name, version, description, license, type, engines, bin } = clone;
  const others = [...PEERS, ...OPTIONAL];
  const needed = [...imported].filter((one) => !others.includes(one)).sort();
  return {
    name,
    version,
    description,
    license,
    type,
    engines,
    bin,
    exports: exportsOf(clone),
    files: ['bin', 'cdk', 'functions', 'lib'],
    dependencies: pick(clone.dependencies, needed),
    optionalDependencies: pick(clone.optionalDependencies, OPTIONAL),
    peerDependencies: Object.fromEntries(PEERS.map((peer) => [peer, `^${clone.devDependencies[peer]}`])),
    peerDependenciesMeta: Object.fromEntries(PEERS.map((peer) => [peer, { optional: true }])),
  };
}

function exportsOf({ exports }: Manifest): Record<string, ReturnType<typeof compiled> | string> {
  const entries = Object.entries(exports).map(([as, file]) => [as, compiled(file)]);
  return { ...Object.fromEntries(entries), './package.json': './package.json' };
}

function compiled(file: string) {
  const stem = file.replace(/\.ts$/, '');
  return { types: `${stem}.d.ts`, default: `${stem}.js` };
}

function pick(versions: Record<string, string>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.map((name) => {
      const version = versions[name];
      if (version === undefined) throw new Error(`${name} is imported by what is published, but is no dependency`);
      return [name, version];
    }),
  );
}
