/** The subscriptions that a stack declares: the custom resource behind `EventLogSource`. */
import { systemClock } from '../lib/clock.ts';
import { customResource } from './custom-resource.ts';
import { kept } from './environment.ts';
import { subscriptionResource } from './subscription-resource.ts';
import { openWaking } from './waking.ts';

export const handler = customResource(systemClock, subscriptionResource(kept(() => openWaking(process.env))));
