import { Hono } from 'hono';
import { HttpProblem } from '../errors.ts';

/** What a cluster without an authorizer answers: there are no ACLs to see or to change. */
export function aclRoutes(): Hono {
  const app = new Hono();
  const disabled = () => {
    throw new HttpProblem('SECURITY_DISABLED', 'No authorizer is configured on this cluster: there are no ACLs.');
  };
  app.on(['GET', 'POST', 'DELETE'], '/acls', disabled);
  // As a pattern: a colon inside a segment would begin a parameter.
  app.post('/:action{acls:batch}', disabled);
  return app;
}
