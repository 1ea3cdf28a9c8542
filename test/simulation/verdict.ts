/** What must hold, each by a name of its own. */
export const CHECKS = {
  'dense offsets': 'offsets follow each other from 0 and never name two records',
  'at most once': 'nothing is appended twice',
  'producer order': 'the sequences of a producer follow each other, and a lower epoch never comes after a higher one',
  'nothing invented': 'what is in the log was appended by a client, whole, to that partition',
  'acknowledged is there': 'an acknowledged record is at the offset that was acknowledged',
  'refused is not there': 'a record whose append was refused is not in the log',
  'order of calls': 'appends of one client to one partition keep the order of the calls',
  'reads are true': 'a read answers the records at the offsets that were asked for, in order, none left out',
  'reads are fresh': 'what was appended before a read began is visible to it, but for the age that caches may have',
  'negative answers are true': 'unknown topics and offsets out of range are so at the time of the call',
  'offset by time': 'the offset of a timestamp is the first one that reaches it',
  'watermarks rise': 'high watermark and log start never go back',
  'bytes exist': 'every entry that can be reached points to existing bytes',
  'plans hold': 'a read that is younger than the grace period finds its segments',
  'retention is kept':
    'nothing is deleted that is neither old enough, nor more than is to be kept, nor asked to be deleted',
  'storage is freed': 'what nothing points to is deleted in the end, and so is what retention gives up',
  'names are used once': 'no object is put under a name that was used before',
  'offsets never go back': 'a committed offset never goes back, nor is it changed by a generation that was fenced',
  'nothing skipped': 'a group commits past a record only after it was delivered',
  'delivered in order': 'a consumer is handed the records of a partition in order, from the committed offset on',
  'errors are known': 'every failure is an error of the table, and one that the call may have',
  'calls end': 'every call ends by its deadline',
  'nothing held': 'a log that is idle holds no memory for appends, no timer and no request, and closes',
  'all is read': 'once nothing fails any more, readers and groups come to the end',
} as const;

export type Check = keyof typeof CHECKS;

export interface Violation {
  check: Check;
  detail: string;
  /** Virtual milliseconds. */
  at: number;
}
