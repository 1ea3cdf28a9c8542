import { describe, expect, test } from 'vitest';
import { createGroup, type Group } from '../../../../lib/doors/kafka/coordinator/group.ts';
import type { JoinAnswer, Joined, JoinRequest } from '../../../../lib/doors/kafka/coordinator/member.ts';
import { systemRandom } from '../../../../lib/ids.ts';
import { type TravelClock, travelClock } from '../../../support/clock.ts';

const SESSION = 10_000;
const REBALANCE = 60_000;
const text = (value: string) => new Uint8Array(Buffer.from(value));

interface Scene {
  clock: TravelClock;
  group: Group;
  emptied: () => number;
}

function scene({ initialDelay = 0, maxSize = 100 } = {}): Scene {
  const clock = travelClock();
  let emptied = 0;
  const settings = { initialDelay, maxSize };
  const keep = async () => {};
  const onEmpty = () => {
    emptied++;
  };
  const group = createGroup({ clock, random: systemRandom, settings, keep, onEmpty });
  return { clock, group, emptied: () => emptied };
}

function request(changes: Partial<JoinRequest> = {}): JoinRequest {
  return {
    group: 'g',
    memberId: '',
    instanceId: null,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: text('topics') }],
    sessionTimeout: SESSION,
    rebalanceTimeout: REBALANCE,
    clientId: 'client',
    clientHost: '/127.0.0.1',
    idFirst: false,
    canSkipAssignment: false,
    ...changes,
  };
}

function joined(answer: JoinAnswer): Joined {
  if ('error' in answer) throw new Error(answer.error);
  return answer;
}

const sync = (group: Group, { memberId, generation }: Joined, assignments: Record<string, string> = {}) =>
  group.sync({
    group: 'g',
    generation,
    memberId,
    instanceId: null,
    protocolType: 'consumer',
    protocolName: 'range',
    assignments: Object.entries(assignments).map(([id, value]) => ({ memberId: id, assignment: text(value) })),
  });

/** A group of `count` members in a stable generation, the leader first. */
async function stable(count: number): Promise<Scene & { members: Joined[] }> {
  const { clock, group, emptied } = scene();
  let members = [joined(await group.join(request()))];
  while (members.length < count) {
    // The newcomer first: alone the others would begin a generation without it.
    const joins = [group.join(request()), ...members.map(({ memberId }) => group.join(request({ memberId })))];
    members = (await Promise.all(joins)).map(joined);
  }
  members.sort((a) => (a.memberId === a.leader ? -1 : 1));
  const assignments = Object.fromEntries(members.map(({ memberId }, i) => [memberId, `part ${i}`]));
  await Promise.all(members.map((member, i) => sync(group, member, i === 0 ? assignments : {})));
  expect(group.state).toBe('Stable');
  return { clock, group, emptied, members };
}

const who = ({ memberId }: Joined) => ({ memberId, instanceId: null });

describe('a first generation', () => {
  test('waits for more members, who share it; the leader sees them all', async () => {
    const { clock, group } = scene({ initialDelay: 3_000 });
    const first = group.join(request());
    clock.advance(2_000);
    const second = group.join(request());
    clock.advance(2_000);
    expect(group.state).toBe('PreparingRebalance');
    clock.advance(4_000);
    const [a, b] = [joined(await first), joined(await second)];
    expect(a).toMatchObject({ generation: 1, leader: a.memberId, protocolName: 'range' });
    expect(a.members.map(({ memberId }) => memberId)).toEqual([a.memberId, b.memberId]);
    expect(b).toMatchObject({ generation: 1, leader: a.memberId, members: [] });
  });

  test('gives members the parts that the leader says, whoever asks first', async () => {
    const { clock, group } = scene({ initialDelay: 10 });
    const joins = [group.join(request()), group.join(request())];
    clock.advance(10);
    clock.advance(10);
    const [leader, other] = (await Promise.all(joins)).map(joined) as [Joined, Joined];
    const waiting = sync(group, other);
    const led = sync(group, leader, { [leader.memberId]: 'one', [other.memberId]: 'two' });
    expect(await led).toMatchObject({ assignment: text('one'), protocolName: 'range' });
    expect(await waiting).toMatchObject({ assignment: text('two') });
    expect(await sync(group, other)).toMatchObject({ assignment: text('two') });
  });

  test('an id comes first where the client can take it, and is waited for', async () => {
    const { clock, group } = scene();
    const told = await group.join(request({ idFirst: true }));
    expect(told).toMatchObject({ error: 'MEMBER_ID_REQUIRED' });
    const { memberId } = told;
    expect(joined(await group.join(request({ idFirst: true, memberId })))).toMatchObject({ memberId, generation: 1 });
    const lost = await group.join(request({ idFirst: true }));
    clock.advance(SESSION + 1);
    expect(await group.join(request({ memberId: lost.memberId }))).toMatchObject({ error: 'UNKNOWN_MEMBER_ID' });
  });

  test('of protocols that all know, the one that most prefer', async () => {
    const { clock, group } = scene({ initialDelay: 10 });
    const protocols = (...names: string[]) => names.map((name) => ({ name, metadata: text(name) }));
    const joins = [
      group.join(request({ protocols: protocols('a', 'b', 'c') })),
      group.join(request({ protocols: protocols('b', 'c') })),
      group.join(request({ protocols: protocols('c', 'b') })),
    ];
    expect(await group.join(request({ protocols: protocols('a') }))).toMatchObject({
      error: 'INCONSISTENT_GROUP_PROTOCOL',
    });
    expect(await group.join(request({ protocolType: 'connect' }))).toMatchObject({
      error: 'INCONSISTENT_GROUP_PROTOCOL',
    });
    clock.advance(10);
    clock.advance(10);
    const [leader] = (await Promise.all(joins)).map(joined);
    expect(leader).toMatchObject({ protocolName: 'b' });
    expect(leader!.members[2]!.metadata).toEqual(text('b'));
  });
});

describe('a stable group', () => {
  test('rebalances when a member comes: the others hear of it and join again', async () => {
    const { group, members } = await stable(2);
    const [a, b] = members as [Joined, Joined];
    const coming = group.join(request());
    expect(group.heartbeat(who(a), a.generation)).toBe('REBALANCE_IN_PROGRESS');
    expect(await sync(group, b)).toMatchObject({ error: 'REBALANCE_IN_PROGRESS' });
    const again = [a, b].map(({ memberId }) => group.join(request({ memberId })));
    const all = (await Promise.all([...again, coming])).map(joined);
    expect(new Set(all.map(({ generation }) => generation))).toEqual(new Set([a.generation + 1]));
    expect(all[0]!.members).toHaveLength(3);
  });

  test('goes on without a member that leaves, falls silent, or does not come back in time', async () => {
    const { clock, group, members } = await stable(3);
    const [a, b, c] = members as [Joined, Joined, Joined];
    expect(group.leave(who(c))).toBeUndefined();
    expect(group.leave(who(c))).toBe('UNKNOWN_MEMBER_ID');
    const back = group.join(request({ memberId: a.memberId }));
    // b is alive, and does not join within its time.
    for (let i = 0; i < 7; i++) {
      group.heartbeat(who(b), b.generation);
      clock.advance(SESSION - 1_000);
    }
    const alone = joined(await back);
    expect(alone.members.map(({ memberId }) => memberId)).toEqual([a.memberId]);
    expect(group.heartbeat(who(b), b.generation)).toBe('UNKNOWN_MEMBER_ID');
    await sync(group, alone, {});
    clock.advance(SESSION - 1);
    expect(group.heartbeat(who(a), alone.generation)).toBeUndefined();
    clock.advance(SESSION + 1);
    expect(group.state).toBe('Empty');
  });

  test('tells the last generation from this one, and strangers from members', async () => {
    const { group, members, emptied } = await stable(1);
    const [a] = members as [Joined];
    expect(group.heartbeat(who(a), a.generation - 1)).toBe('ILLEGAL_GENERATION');
    expect(group.heartbeat({ memberId: 'x', instanceId: null }, a.generation)).toBe('UNKNOWN_MEMBER_ID');
    expect(await sync(group, { ...a, generation: a.generation + 1 })).toMatchObject({ error: 'ILLEGAL_GENERATION' });
    expect(group.mayCommit(who(a), a.generation)).toBeUndefined();
    expect(group.mayCommit(who(a), a.generation - 1)).toBe('ILLEGAL_GENERATION');
    expect(group.mayCommit({ memberId: '', instanceId: null }, -1)).toBe('UNKNOWN_MEMBER_ID');
    group.leave(who(a));
    expect(emptied()).toBe(1);
    expect(group.mayCommit({ memberId: '', instanceId: null }, -1)).toBeUndefined();
    expect(group.mayCommit(who(a), a.generation)).toBe('UNKNOWN_MEMBER_ID');
  });

  test('a member that joins again as it was gets the same answer, the leader a new generation', async () => {
    const { group, members } = await stable(2);
    const [leader, other] = members as [Joined, Joined];
    expect(joined(await group.join(request({ memberId: other.memberId }))).generation).toBe(other.generation);
    expect(group.state).toBe('Stable');
    void group.join(request({ memberId: leader.memberId }));
    expect(group.state).toBe('PreparingRebalance');
  });

  test('whoever joins and does not sync is left behind', async () => {
    const { clock, group, members } = await stable(2);
    const joins = members.map(({ memberId }) => group.join(request({ memberId })));
    const [leader, other] = (await Promise.all(joins)).map(joined) as [Joined, Joined];
    const waiting = sync(group, other);
    for (let i = 0; i < 7; i++) {
      group.heartbeat(who(leader), leader.generation);
      clock.advance(SESSION - 1_000);
    }
    expect(await waiting).toMatchObject({ error: 'REBALANCE_IN_PROGRESS' });
    expect([...group.members.keys()]).toEqual([other.memberId]);
  });

  test('takes no more members than it may have', async () => {
    const { group } = scene({ maxSize: 1 });
    await group.join(request());
    expect(await group.join(request())).toMatchObject({ error: 'GROUP_MAX_SIZE_REACHED' });
  });

  test('that ends sends everybody away', async () => {
    const { group, members } = await stable(1);
    const coming = group.join(request());
    group.end('NOT_COORDINATOR');
    expect(await coming).toMatchObject({ error: 'NOT_COORDINATOR' });
    expect(group.heartbeat(who(members[0]!), 1)).toBe('COORDINATOR_NOT_AVAILABLE');
  });
});

describe('a static member', () => {
  const asInstance = (changes: Partial<JoinRequest> = {}) => request({ instanceId: 'i1', ...changes });

  async function stableInstance(): Promise<Scene & { member: Joined }> {
    const scenery = scene();
    const member = joined(await scenery.group.join(asInstance()));
    const { group } = scenery;
    const synced = await group.sync({
      group: 'g',
      generation: member.generation,
      memberId: member.memberId,
      instanceId: 'i1',
      protocolType: null,
      protocolName: null,
      assignments: [{ memberId: member.memberId, assignment: text('mine') }],
    });
    expect(synced).toMatchObject({ assignment: text('mine') });
    return { ...scenery, member };
  }

  test('comes back to its place without a rebalance; its old self is fenced', async () => {
    const { group, member } = await stableInstance();
    const back = joined(await group.join(asInstance({ canSkipAssignment: true })));
    expect(back).toMatchObject({ generation: member.generation, skipAssignment: true, leader: back.memberId });
    expect(back.memberId).not.toBe(member.memberId);
    expect(group.state).toBe('Stable');
    const old = { memberId: member.memberId, instanceId: 'i1' };
    expect(group.heartbeat(old, member.generation)).toBe('FENCED_INSTANCE_ID');
    expect(group.mayCommit(old, member.generation)).toBe('FENCED_INSTANCE_ID');
    expect(await sync(group, back)).toMatchObject({ assignment: text('mine') });
  });

  test('that an older client leads with is told that another leads, so that it does not assign anew', async () => {
    const { group, member } = await stableInstance();
    const back = joined(await group.join(asInstance()));
    expect(back).toMatchObject({ leader: member.memberId, skipAssignment: false, members: [] });
    expect(group.state).toBe('Stable');
  });

  test('may be away for its session, and is removed by the name of its instance', async () => {
    const { clock, group, member } = await stableInstance();
    const coming = group.join(request());
    clock.advance(SESSION - 1);
    expect(group.members.has(member.memberId)).toBe(true);
    expect(group.leave({ memberId: '', instanceId: 'i1' })).toBeUndefined();
    expect(joined(await coming).members).toHaveLength(1);
    expect(group.leave({ memberId: '', instanceId: 'i1' })).toBe('UNKNOWN_MEMBER_ID');
  });
});
