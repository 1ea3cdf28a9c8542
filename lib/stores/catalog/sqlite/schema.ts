import { VarveError } from '../../../errors.ts';
import { DATA_FORMAT_VERSION } from '../catalog.ts';
import { connect, type Database, RESULT, resultCode } from './database.ts';

/** In the file's header: what tells a catalog from any other SQLite file. */
const APPLICATION_ID = 0x56617276;

const GROUP_STATES = `CREATE TABLE group_states (
    group_id   TEXT PRIMARY KEY,
    generation INTEGER NOT NULL,      -- the fence
    state      BLOB NOT NULL          -- empty: nothing was kept yet
  ) STRICT, WITHOUT ROWID;`;

const INSTANCES = `CREATE TABLE instances (
    group_id TEXT NOT NULL,
    name     TEXT NOT NULL,
    version  INTEGER NOT NULL,        -- rises with every change
    state    TEXT NOT NULL,           -- JSON
    PRIMARY KEY (group_id, name)
  ) STRICT, WITHOUT ROWID;`;

const SUBSCRIPTIONS = `CREATE TABLE subscriptions (
    topic    TEXT NOT NULL,
    name     TEXT NOT NULL,
    settings TEXT NOT NULL,           -- JSON
    PRIMARY KEY (topic, name)
  ) STRICT, WITHOUT ROWID;

  -- One partition of a subscription.
  CREATE TABLE deliveries (
    subscription TEXT NOT NULL,
    topic_id     TEXT NOT NULL,
    partition    INTEGER NOT NULL,
    version      INTEGER NOT NULL,    -- rises with every change
    state        TEXT NOT NULL,       -- JSON
    PRIMARY KEY (subscription, topic_id, partition)
  ) STRICT, WITHOUT ROWID;`;

/**
 * Everything that the catalog keeps. Times are milliseconds since the epoch, ids of entries 16 bytes, `partition` in the
 * tables below `partitions` is `partitions.key`, which is never used again.
 */
const TABLES = `
  CREATE TABLE meta (
    name  TEXT PRIMARY KEY,           -- format, cluster id, next producer id
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE topics (
    name       TEXT PRIMARY KEY,
    id         TEXT NOT NULL,
    partitions INTEGER NOT NULL,
    config     TEXT NOT NULL,         -- JSON
    created    INTEGER NOT NULL,
    revision   INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Heads.
  CREATE TABLE partitions (
    key            INTEGER PRIMARY KEY AUTOINCREMENT,
    topic_id       TEXT NOT NULL,
    partition      INTEGER NOT NULL,
    high_watermark INTEGER NOT NULL DEFAULT 0,
    log_start      INTEGER NOT NULL DEFAULT 0,
    frontier       INTEGER NOT NULL DEFAULT 0,
    layer          INTEGER NOT NULL DEFAULT 1,     -- of the index that counts
    generation     TEXT NOT NULL DEFAULT '0',      -- that layer's name
    floor          INTEGER NOT NULL DEFAULT 0,
    running_max    INTEGER NOT NULL DEFAULT -1,    -- of the newest entry
    running_bytes  INTEGER NOT NULL DEFAULT 0,     -- the same
    UNIQUE (topic_id, partition)
  ) STRICT;

  -- Layer 0 is what was appended: it counts from the frontier on. Each index generation is a layer of its own.
  CREATE TABLE entries (
    partition     INTEGER NOT NULL,
    layer         INTEGER NOT NULL,
    base          INTEGER NOT NULL,
    count         INTEGER NOT NULL,
    id            BLOB NOT NULL,
    position      INTEGER NOT NULL,
    length        INTEGER NOT NULL,
    crc           INTEGER NOT NULL,
    max_timestamp INTEGER NOT NULL,
    running_max   INTEGER NOT NULL,   -- the largest max_timestamp of this layer up to here
    place         INTEGER NOT NULL,   -- 0 segment, 1 inline, 2 chunk
    producer      INTEGER,
    epoch         INTEGER,
    sequence      INTEGER,
    bytes         BLOB,               -- inline only
    running_bytes INTEGER NOT NULL DEFAULT 0,   -- the lengths of this layer up to here, those included that were deleted
    PRIMARY KEY (partition, layer, base)
  ) STRICT, WITHOUT ROWID;

  CREATE INDEX entries_by_segment ON entries (id, partition) WHERE place = 0;
  CREATE INDEX entries_by_sequence ON entries (partition, producer, epoch, sequence)
    WHERE producer IS NOT NULL AND layer = 0;

  CREATE TABLE chunks (
    key       INTEGER PRIMARY KEY,
    partition INTEGER NOT NULL,
    id        BLOB NOT NULL,
    bytes     BLOB NOT NULL
  ) STRICT;
  CREATE INDEX chunks_by_id ON chunks (partition, id);

  -- Idempotent producers, by partition; base and sequence are those of the last batch.
  CREATE TABLE producers (
    partition INTEGER NOT NULL,
    id        INTEGER NOT NULL,
    epoch     INTEGER NOT NULL,
    sequence  INTEGER NOT NULL,
    next      INTEGER NOT NULL,
    base      INTEGER NOT NULL,
    seen      INTEGER NOT NULL,
    PRIMARY KEY (partition, id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE groups (
    id            TEXT PRIMARY KEY,
    protocol_type TEXT                -- of its members; null while no coordinator kept the group
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE offsets (
    group_id   TEXT NOT NULL,
    topic_id   TEXT NOT NULL,
    partition  INTEGER NOT NULL,
    generation INTEGER NOT NULL,      -- the fence
    topic      TEXT,                  -- null, like all that follow, while nothing is committed
    offset     INTEGER,
    metadata   TEXT,
    leader_epoch INTEGER,             -- null when none was told
    PRIMARY KEY (group_id, topic_id, partition)
  ) STRICT, WITHOUT ROWID;

  ${GROUP_STATES}

  ${INSTANCES}

  ${SUBSCRIPTIONS}

  CREATE TABLE leases (
    name    TEXT PRIMARY KEY,
    owner   TEXT,                     -- null when released; so is expires, by earlier versions
    epoch   INTEGER NOT NULL,
    expires INTEGER,
    plan    TEXT,                     -- of a lease that members hold together
    members TEXT                      -- the same: when each counts as gone, JSON
  ) STRICT, WITHOUT ROWID;

  -- What no reader can reach any more, to be deleted a little at a time: entries of a layer below an offset.
  CREATE TABLE deletions (
    key       INTEGER PRIMARY KEY,
    partition INTEGER NOT NULL,
    layer     INTEGER,                -- null: the partition is gone, with its producers
    below     INTEGER NOT NULL
  ) STRICT;
`;

/** For a file that was made before bytes were counted. */
const COUNT_BYTES = `
  ALTER TABLE partitions ADD COLUMN running_bytes INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE entries ADD COLUMN running_bytes INTEGER NOT NULL DEFAULT 0;
  UPDATE entries SET running_bytes = counted.bytes FROM (
    SELECT partition, layer, base, SUM(length) OVER (PARTITION BY partition, layer ORDER BY base) AS bytes FROM entries
  ) AS counted WHERE (entries.partition, entries.layer, entries.base) = (counted.partition, counted.layer, counted.base);
  UPDATE partitions SET running_bytes =
    (SELECT COALESCE(MAX(running_bytes), 0) FROM entries WHERE partition = key AND layer = 0);
`;

/** For a file that was made before members shared a lease. */
const SHARE_LEASES = 'ALTER TABLE leases ADD COLUMN plan TEXT; ALTER TABLE leases ADD COLUMN members TEXT;';

/** For a file that was made before groups' protocol types were listed. */
const LIST_TYPES = 'ALTER TABLE groups ADD COLUMN protocol_type TEXT;';

/** For a file that was made before leader epochs were kept. */
const KEEP_EPOCHS = 'ALTER TABLE offsets ADD COLUMN leader_epoch INTEGER;';

/**
 * Opens the catalog in a file (or `:memory:`), or makes it, and holds it for this connection alone until it is closed or the
 * process ends. Errors: DATA_FOLDER_IN_USE, DATA_FORMAT_TOO_NEW, DATA_UNREADABLE.
 */
export function openDatabase(path: string, clusterId: string): Database {
  let db: Database | undefined;
  try {
    db = connect(path);
    // Before the first access: then SQLite keeps the log's index in memory and the lock for good.
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    const id = db.get<{ application_id: number }>('PRAGMA application_id')?.application_id;
    const isEmpty = db.get('SELECT 1 FROM sqlite_schema LIMIT 1') === undefined;
    if (!isEmpty && id !== APPLICATION_ID) throw unreadable(path, 'it belongs to another application');
    db.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA wal_autocheckpoint = 2000;
      PRAGMA journal_size_limit = 33554432;
      PRAGMA cache_size = -16384;
    `);
    db.exec('BEGIN EXCLUSIVE');
    if (isEmpty) create(db, clusterId);
    else {
      checkFormat(db);
      if (db.get("SELECT 1 FROM pragma_table_info('entries') WHERE name = 'running_bytes'") === undefined)
        db.exec(COUNT_BYTES);
      if (db.get("SELECT 1 FROM sqlite_schema WHERE name = 'group_states'") === undefined) db.exec(GROUP_STATES);
      if (db.get("SELECT 1 FROM sqlite_schema WHERE name = 'subscriptions'") === undefined) db.exec(SUBSCRIPTIONS);
      if (db.get("SELECT 1 FROM sqlite_schema WHERE name = 'instances'") === undefined) db.exec(INSTANCES);
      if (db.get("SELECT 1 FROM pragma_table_info('leases') WHERE name = 'members'") === undefined)
        db.exec(SHARE_LEASES);
      if (db.get("SELECT 1 FROM pragma_table_info('offsets') WHERE name = 'leader_epoch'") === undefined)
        db.exec(KEEP_EPOCHS);
      if (db.get("SELECT 1 FROM pragma_table_info('groups') WHERE name = 'protocol_type'") === undefined)
        db.exec(LIST_TYPES);
    }
    db.exec('COMMIT');
    return db;
  } catch (error) {
    db?.close();
    switch (resultCode(error)) {
      case RESULT.BUSY:
        throw new VarveError(
          'DATA_FOLDER_IN_USE',
          `${path} is in use: stop the other process, or use another folder.`,
          {
            cause: error,
          },
        );
      case RESULT.NOTADB:
      case RESULT.CORRUPT:
        throw unreadable(path, 'it is damaged, or no SQLite file', error);
      case RESULT.CANTOPEN:
        throw unreadable(path, 'it cannot be opened', error);
      default:
        throw error;
    }
  }
}

function create(db: Database, clusterId: string): void {
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  db.exec(TABLES);
  for (const [name, value] of [
    ['format', String(DATA_FORMAT_VERSION)],
    ['cluster id', clusterId],
    ['next producer id', '0'],
  ] as const) {
    db.run('INSERT INTO meta (name, value) VALUES (?, ?)', name, value);
  }
}

function checkFormat(db: Database): void {
  const format = Number(readMeta(db, 'format'));
  if (format > DATA_FORMAT_VERSION) {
    throw new VarveError(
      'DATA_FORMAT_TOO_NEW',
      `The data has format ${format}, this version of Varve reads up to ${DATA_FORMAT_VERSION}: use a newer version.`,
    );
  }
}

export function readMeta(db: Database, name: 'format' | 'cluster id' | 'next producer id'): string {
  const row = db.get<{ value: string }>('SELECT value FROM meta WHERE name = ?', name);
  if (!row) throw new VarveError('DATA_UNREADABLE', `The catalog lacks its ${name}: restore the data from a backup.`);
  return row.value;
}

function unreadable(path: string, why: string, cause?: unknown): VarveError {
  return new VarveError('DATA_UNREADABLE', `${path} is not a catalog that Varve can read: ${why}.`, { cause });
}
