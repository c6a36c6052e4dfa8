/*
 * What the files say for Kubernetes alone, beside the pods of a server.
 */

#include "mcp_cluster.h"
#include "mcp_address.h"
#include "mcp_field.h"
#include "mcp_text.h"

#include <string.h>


#define MCP_CLUSTER_SUBJECT_MAX  253
#define MCP_CLUSTER_PORT_MAX     65535


enum {
    MCP_CLUSTER_KIND,
    MCP_CLUSTER_NAME,
    MCP_CLUSTER_NAMESPACE,
    MCP_CLUSTER_SUBJECT_KEYS
};

static const mcp_field_t  mcp_cluster_subject_keys[] = {
    { "kind", "one of User, Group and ServiceAccount", NULL },
    { "name", "a name such as \"name: team-a\"", NULL },
    { "namespace", NULL, NULL }
};


enum {
    MCP_CLUSTER_CIDR,
    MCP_CLUSTER_PORTS,
    MCP_CLUSTER_EGRESS_KEYS
};

static const mcp_field_t  mcp_cluster_egress_keys[] = {
    { "cidr", "a range of addresses such as \"cidr: 203.0.113.0/24\"", NULL },
    { "ports", NULL, NULL }
};


static bool mcp_cluster_subject(mcp_load_t *load,
    const mcp_yaml_node_t *node, mcp_subject_t *subject);
static bool mcp_cluster_subject_kind(mcp_load_t *load,
    const mcp_yaml_node_t *node, mcp_subject_t *subject);
static bool mcp_cluster_route(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_egress_t *egress);
static bool mcp_cluster_is_link_local(const mcp_cidr_t *cidr);
static bool mcp_cluster_ports(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_egress_t *egress);


static const char *const  mcp_cluster_kinds[] = {
    "User", "Group", "ServiceAccount"
};


void
mcp_cluster_subjects(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_tenant_t *tenant)
{
    const mcp_yaml_node_t  *child;

    if (!mcp_field_is(load, node, "rbac_subjects", MCP_YAML_SEQUENCE)) {
        return;
    }

    tenant->subjects = mcp_load_array(load, node->nchildren,
                                      sizeof(mcp_subject_t));
    if (tenant->subjects == NULL) {
        return;
    }

    for (child = node->children; child; child = child->next) {
        if (mcp_cluster_subject(load, child,
                                &tenant->subjects[tenant->nsubjects]))
        {
            tenant->nsubjects++;
        }
    }
}


static bool
mcp_cluster_subject(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_subject_t *subject)
{
    bool                    is_account;
    char                    found[MCP_TEXT_QUOTE_LEN];
    const mcp_yaml_node_t  *v[MCP_CLUSTER_SUBJECT_KEYS];

    if (!mcp_field_mapping(load, node, "a subject of rbac_subjects",
                           mcp_cluster_subject_keys,
                           MCP_CLUSTER_SUBJECT_KEYS, v)
        || v[MCP_CLUSTER_KIND] == NULL || v[MCP_CLUSTER_NAME] == NULL
        || !mcp_cluster_subject_kind(load, v[MCP_CLUSTER_KIND], subject)
        || !mcp_field_text(load, v[MCP_CLUSTER_NAME], "name",
                           MCP_CLUSTER_SUBJECT_MAX, false, &subject->name))
    {
        return false;
    }

    is_account = (subject->kind == MCP_SUBJECT_SERVICE_ACCOUNT);

    if (!is_account && v[MCP_CLUSTER_NAMESPACE]) {
        mcp_field_key_error(load, v[MCP_CLUSTER_NAMESPACE], "found a "
                            "namespace for a %s, expected it with kind "
                            "ServiceAccount only",
                            mcp_cluster_kinds[subject->kind]);
        return false;
    }

    /* A group of everybody would open the namespace to every tenant. */
    if (!is_account && subject->name.len >= 7
        && memcmp(subject->name.data, "system:", 7) == 0)
    {
        mcp_field_error(load, v[MCP_CLUSTER_NAME], "found %s as a subject of "
                        "rbac_subjects, expected a user or group of people: "
                        "those of \"system:\" belong to the cluster",
                        mcp_text_quote(&subject->name, found));
        return false;
    }

    if (!is_account) {
        return true;
    }

    if (!mcp_text_is_subdomain(&subject->name)) {
        mcp_field_error(load, v[MCP_CLUSTER_NAME], "found %s as name, expected "
                        "that of a ServiceAccount: a-z, 0-9, \"-\" and \".\"",
                        mcp_text_quote(&subject->name, found));
        return false;
    }

    if (v[MCP_CLUSTER_NAMESPACE] == NULL) {
        if (!node->partial) {
            mcp_field_error(load, node, "found a ServiceAccount without "
                            "namespace, expected the one it lives in, such as "
                            "\"namespace: ci\"");
        }

        return false;
    }

    return mcp_field_label(load, v[MCP_CLUSTER_NAMESPACE], "namespace",
                           &subject->namespace);
}


static bool
mcp_cluster_subject_kind(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_subject_t *subject)
{
    int        i;
    char       found[MCP_TEXT_QUOTE_LEN];
    mcp_str_t  text;

    if (!mcp_field_scalar(load, node, "kind", &text)) {
        return false;
    }

    for (i = 0; i < 3; i++) {
        if (mcp_text_equals(&text, mcp_cluster_kinds[i])) {
            subject->kind = (mcp_subject_e) i;
            return true;
        }
    }

    mcp_field_error(load, node, "found %s as kind, expected User, Group or "
                    "ServiceAccount", mcp_text_quote(&text, found));

    return false;
}


void
mcp_cluster_egress(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_kubernetes_t *kubernetes)
{
    const mcp_yaml_node_t  *child;

    if (!mcp_field_is(load, node, "egress", MCP_YAML_SEQUENCE)) {
        return;
    }

    kubernetes->egress = mcp_load_array(load, node->nchildren,
                                        sizeof(mcp_egress_t));
    if (kubernetes->egress == NULL) {
        return;
    }

    for (child = node->children; child; child = child->next) {
        if (mcp_cluster_route(load, child,
                              &kubernetes->egress[kubernetes->negress]))
        {
            kubernetes->negress++;
        }
    }
}


static bool
mcp_cluster_route(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_egress_t *egress)
{
    char                    found[MCP_TEXT_QUOTE_LEN];
    mcp_str_t               text;
    mcp_cidr_t              cidr;
    const mcp_yaml_node_t  *v[MCP_CLUSTER_EGRESS_KEYS];

    if (!mcp_field_mapping(load, node, "a range of egress",
                           mcp_cluster_egress_keys, MCP_CLUSTER_EGRESS_KEYS,
                           v)
        || v[MCP_CLUSTER_CIDR] == NULL
        || !mcp_field_scalar(load, v[MCP_CLUSTER_CIDR], "cidr", &text))
    {
        return false;
    }

    if (memchr(text.data, '/', text.len) == NULL
        || mcp_cidr_parse(text.data, text.len, &cidr) != MCP_OK)
    {
        mcp_field_error(load, v[MCP_CLUSTER_CIDR], "found %s as cidr, expected "
                        "a range of addresses such as 203.0.113.0/24 or "
                        "2001:db8::/32", mcp_text_quote(&text, found));
        return false;
    }

    if (mcp_cluster_is_link_local(&cidr)) {
        mcp_field_error(load, v[MCP_CLUSTER_CIDR], "found %s as cidr, expected "
                        "no link-local addresses: those of the node and of "
                        "its cloud", mcp_text_quote(&text, found));
        return false;
    }

    egress->cidr = mcp_load_copy(load, &text);

    return v[MCP_CLUSTER_PORTS] == NULL
           || mcp_cluster_ports(load, v[MCP_CLUSTER_PORTS], egress);
}


static bool
mcp_cluster_is_link_local(const mcp_cidr_t *cidr)
{
    mcp_cidr_t  local;

    return (mcp_cidr_parse("169.254.0.0/16", 14, &local) == MCP_OK
            && mcp_cidr_holds(&local, cidr))
           || (mcp_cidr_parse("fe80::/10", 9, &local) == MCP_OK
               && mcp_cidr_holds(&local, cidr));
}


static bool
mcp_cluster_ports(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_egress_t *egress)
{
    uint32_t                port;
    const mcp_yaml_node_t  *child;

    if (!mcp_field_is(load, node, "ports", MCP_YAML_SEQUENCE)) {
        return false;
    }

    /* An empty list, read as Kubernetes does, would open every port. */
    if (node->nchildren == 0 || node->nchildren > MCP_EGRESS_PORTS_MAX) {
        mcp_field_error(load, node, "found %u ports, expected 1 to %d, or "
                        "no \"ports\" for all", node->nchildren,
                        MCP_EGRESS_PORTS_MAX);
        return false;
    }

    for (child = node->children; child; child = child->next) {
        if (!mcp_field_number(load, child, "a port", MCP_CLUSTER_PORT_MAX,
                              &port))
        {
            return false;
        }

        egress->ports[egress->nports++] = (uint16_t) port;
    }

    return true;
}


bool
mcp_cluster_amount(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, const char *example, mcp_str_t *ret_text)
{
    char       found[MCP_TEXT_QUOTE_LEN];
    mcp_str_t  text;

    if (!mcp_field_scalar(load, node, name, &text)) {
        return false;
    }

    if (!mcp_text_is_quantity(&text)) {
        mcp_field_error(load, node, "found %s as %s, expected an amount of "
                        "Kubernetes such as %s",
                        mcp_text_quote(&text, found), name, example);
        return false;
    }

    *ret_text = mcp_load_copy(load, &text);

    return true;
}
