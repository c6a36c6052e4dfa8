/*
 * What every interop test file starts with: two tenants with the same server
 * ids, two servers each, and the gateway between, all gone at the end.
 */

import { after } from 'node:test';
import { join } from 'node:path';

import { startTwoTenants } from './gateway.mjs';
import { freePort, repo, startEverything, startModern, stopAll }
    from './processes.mjs';


/* name: that of the folder under build/.  {gateway, servers, bearer()} */
export async function fixture(name) {
    after(stopAll);

    const [everythingA, modernA, everythingB, modernB] = await Promise.all([
        startEverything('everything-a'), startModern('modern-a'),
        startEverything('everything-b'), startModern('modern-b'),
    ]);

    const servers = {
        'team-a': { everything: everythingA, modern: modernA },
        'team-b': { everything: everythingB, modern: modernB },
    };

    const gateway = await startTwoTenants(join(repo, 'build/interop', name),
                                          await freePort(), servers);
    const bearer = (tenant) =>
        ({ Authorization: `Bearer ${gateway.keys[tenant]}` });

    return { gateway, servers, bearer };
}
