import type { From } from '../event-log.ts';

export interface InstanceOptions {
  /** Letters, digits, ".", "_" and "-", the first a letter or digit; made up when absent. */
  name?: string;
  /** In the words of the door that gives its records. */
  format: string;
  /** Where a partition without a committed offset begins. */
  autoOffsetReset: 'earliest' | 'latest';
  /** Whether the next poll commits what the one before it gave. */
  autoCommit: boolean;
  /** Milliseconds of silence after which the others of its group take over its partitions. */
  session: number;
  /** Bytes of keys and values that are worth an answer before a poll's time is over. */
  minBytes: number;
  /** Milliseconds that a poll waits when it does not say. */
  wait: number;
}

/** Everything that is known of an instance between two requests. */
export interface InstanceState extends Omit<InstanceOptions, 'name'> {
  /** When it was last heard of, milliseconds since the epoch. */
  heard: number;
  /** What it is subscribed to; of a pattern those topics that were found. */
  topics?: readonly string[];
  pattern?: string;
  /** Whether its places were assigned to it, not shared by the group. */
  isAssigned: boolean;
  /** When its group's topics were last looked for. */
  topicsSeen: number;
  /** The group's, under which its places were claimed; 0 before. */
  generation: number;
  places: readonly Place[];
  /** Which of the places is the first of the next poll: no busy partition keeps a quiet one waiting. */
  turn: number;
}

/** A partition that an instance reads, and where it is in it. */
export interface Place {
  topic: string;
  topicId: string;
  partition: number;
  /** Where the next poll goes on; not known yet: where `autoOffsetReset` says. */
  next: From | 'reset';
  /** What is committed as far as is known; -1 when nothing is. */
  committed: number;
  /** Its place was set: the next commit may go back. */
  isSet: boolean;
}

export function newInstance({ name: _, ...options }: InstanceOptions, now: number): InstanceState {
  return { ...options, heard: now, isAssigned: false, topicsSeen: 0, generation: 0, places: [], turn: 0 };
}

export function newPlace(topic: string, topicId: string, partition: number, committed: number | undefined): Place {
  return { topic, topicId, partition, next: committed ?? 'reset', committed: committed ?? -1, isSet: false };
}

/** Subscribed to nothing, with nothing assigned. */
export function freed({ topics: _, pattern: __, ...state }: InstanceState): InstanceState {
  return { ...state, isAssigned: false, generation: 0, places: [] };
}

type PrintedPlaces = [topic: string, topicId: string, places: [number, Place['next'], number, 1?][]][];

/** As text. It is read and written with every poll, so what many places share is there once. */
export function printInstance({ places, ...state }: InstanceState): string {
  const byTopic = Map.groupBy(places, ({ topicId }) => topicId);
  const printed: PrintedPlaces = [...byTopic].map(([topicId, own]) => [
    own[0]!.topic,
    topicId,
    own.map(({ partition, next, committed, isSet }) =>
      isSet ? [partition, next, committed, 1] : [partition, next, committed],
    ),
  ]);
  return JSON.stringify({ ...state, places: printed });
}

export function parseInstance(text: string): InstanceState {
  const { places, ...state } = JSON.parse(text) as Omit<InstanceState, 'places'> & { places: PrintedPlaces };
  return {
    ...state,
    places: places.flatMap(([topic, topicId, own]) =>
      own.map(([partition, next, committed, isSet]): Place => {
        return { topic, topicId, partition, next, committed, isSet: isSet === 1 };
      }),
    ),
  };
}
