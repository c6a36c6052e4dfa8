/*
 * Judges requests by ValidatingAdmissionPolicies, as the API server does from
 * 1.30 on: with an implementation of CEL that is not the server's own.
 */

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(new URL('../interop/', import.meta.url));
const { Environment } = await import(
    pathToFileURL(require.resolve('@marcbachmann/cel-js')));

class Check {
    constructor(admin) {
        this.admin = admin;
    }
}


/*
 * policies: objects.  request(): the messages of all that refuse, none when it
 * is admitted.  {user, admin, operation, group, resource, namespace, object,
 * oldObject, labels}; labels: of the namespace.
 */
export class Policies {
    constructor(policies) {
        this.policies = policies;
        this.env = new Environment({
            enableOptionalTypes: true,
            homogeneousAggregateLiterals: false,
        });

        for (const name of ['object', 'oldObject', 'request', 'variables',
                            'namespaceObject', 'params'])
        {
            this.env.registerVariable(name, 'dyn');
        }

        this.env
            .registerType('Authorizer', Check)
            .registerVariable('authorizer', 'Authorizer')
            .registerFunction('Authorizer.group(string): Authorizer', same)
            .registerFunction('Authorizer.resource(string): Authorizer', same)
            .registerFunction('Authorizer.check(string): Authorizer', same)
            .registerFunction('Authorizer.allowed(): bool',
                              (check) => check.admin);
    }

    request(request) {
        return this.policies
            .filter((policy) => concerns(policy.spec.matchConstraints,
                                         request))
            .flatMap((policy) => this.judge(policy.spec, request));
    }

    judge(spec, request) {
        const context = {
            object: request.object ?? null,
            oldObject: request.oldObject ?? null,
            request: {
                operation: request.operation,
                namespace: request.namespace ?? '',
                resource: { group: request.group ?? '',
                            resource: request.resource },
                userInfo: { username: request.user },
            },
            namespaceObject: request.namespace
                ? { metadata: { name: request.namespace,
                                labels: request.labels ?? {} } }
                : null,
            authorizer: new Check(request.admin ?? false),
            variables: {},
        };
        const value = (text) => this.env.evaluate(text, context);

        if (!(spec.matchConditions ?? []).every((condition) =>
            value(condition.expression)))
        {
            return [];
        }

        for (const { name, expression } of spec.variables ?? []) {
            context.variables[name] = value(expression);
        }

        return spec.validations
            .filter((validation) => !value(validation.expression))
            .map((validation) => validation.message
                 ?? value(validation.messageExpression));
    }
}


function same(check) {
    return check;
}


function concerns(constraints, request) {
    const wanted = constraints.namespaceSelector?.matchLabels ?? {};

    return constraints.resourceRules.some((rule) =>
            rule.apiGroups.includes(request.group ?? '')
            && rule.resources.includes(request.resource)
            && rule.operations.includes(request.operation))
        && Object.entries(wanted).every(([name, value]) =>
            request.labels?.[name] === value);
}
