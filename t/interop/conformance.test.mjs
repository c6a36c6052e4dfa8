/*
 * The official conformance suites end through the gateway as they do direct:
 * what "make conformance" prints, as tests.
 */

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { join } from 'node:path';

import { repo, stopAll } from './processes.mjs';
import { alone, conformance, differences, direct, run, through }
    from './suite.mjs';

after(stopAll);

const dir = join(repo, 'build/interop/conformance');
const { rows, doubts } = await conformance(dir);


for (const { suite, scenario, wrong } of rows) {

    test(`${suite}: ${scenario} ends as it does direct`, () => {
        assert.deepEqual(wrong, []);
    });
}


test('all scenarios ran, the servers are right, NGINX logged nothing worse '
     + 'than an error', () =>
{
    assert.deepEqual(doubts, []);
});


test('a gateway that drops a header of the client is found out', async () => {
    const scenario = 'http-custom-header-server-validation';
    const broken = await through(join(dir, 'broken'), {
        change: (text) => text.replace(/\bignore_invalid_headers +off;/,
                                       'ignore_invalid_headers on;'),
    });

    const [expected, got] = await Promise.all(
        Object.entries({ direct: await direct(), broken })
            .map(([name, side]) =>
                run(alone(scenario), side, join(dir, 'alone', name))));

    assert.deepEqual(differences(scenario, expected, 'same', expected), []);
    assert.match(differences(scenario, expected, 'broken', got).join('\n'),
                 /^broken: sep-2243\S+: FAILURE, /m);
});
