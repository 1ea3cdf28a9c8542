import { localstack } from '../../support/localstack.ts';
import { staleHeads } from './stale-heads.ts';

staleHeads(() => localstack);
