/// <reference types="vite/client" />

interface ImportMetaEnv {
  /** The address of the log: see vite.config.ts. */
  readonly VARVE_URL: string;
}
