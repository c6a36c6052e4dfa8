/*
 * A reporter for Node's test runner: TAP as t/run.pl reads it.  Node's own
 * has YAML below a failed test that Perl's parser gives up at, and then
 * nobody waits for the end of the file.  Why a test failed goes to stderr,
 * which is shown as it comes.
 */

import { inspect } from 'node:util';


function diagnose(name, error) {
    const { stack = inspect(error) } = error.cause ?? error;
    const lines = `Failed test '${name}'\n${stack}`
        .split('\n').map((line) => `# ${line}\n`);

    process.stderr.write(lines.join(''));
}


export default async function* tap(events) {
    let count = 0;

    for await (const { type, data } of events) {
        if (type !== 'test:pass' && type !== 'test:fail') {
            continue;
        }

        if (data.nesting > 0) {

            if (type === 'test:fail') {
                diagnose(data.name, data.details.error);
            }

            continue;
        }

        const name = data.name.replaceAll(/[\\#]/g, '\\$&')
                         .replaceAll(/\s+/g, ' ');
        const skip = data.skip === undefined ? '' : ' # SKIP';

        count++;

        if (type === 'test:fail') {
            diagnose(data.name, data.details.error);
            yield 'not ';
        }

        yield `ok ${count} - ${name}${skip}\n`;
    }

    yield `1..${count}\n`;
}
