/** There from the beginning to the end. */
export const STEADY = 'orders';
/** Gets partitions. */
export const GROWING = 'events';
/** Is deleted and made again under its name. */
export const FLEETING = 'drafts';

export const TOPICS = [STEADY, STEADY, GROWING, FLEETING] as const;
